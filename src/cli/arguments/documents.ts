import { InvalidArgumentError, Option } from 'commander';
import type { Command as Program } from 'commander';
import type { KindPath } from '../../api/schema/kinds.ts';
import type { Output, PlanCommand } from '../command.ts';
import { kindNamed } from '../get.ts';
import { clientCommand, connectionOf, positive, readOptions, writeFlagsOf, writeOptions } from './client.ts';
import type { ClientOptions, Environment, Found, WriteFlags } from './client.ts';

interface GetFlags extends ClientOptions {
  readonly tenant?: string;
  readonly allTenants?: true;
  readonly selector?: string;
  readonly output: Output;
  readonly json?: true;
  readonly watch?: true;
}

interface PlanFlags extends ClientOptions {
  readonly file?: readonly string[];
  readonly delete?: PlanCommand['deletions'];
  readonly tenant?: string;
  readonly json?: true;
  readonly detailedExitcode?: true;
}

interface LintFlags extends ClientOptions {
  readonly file?: readonly string[];
  readonly tenant?: string;
  readonly limit: number;
  readonly json?: true;
  readonly detailedExitcode?: true;
}

const belongs = (kindPath: KindPath): string => `error: a ${kindPath.singular} belongs to a tenant: pass -t TENANT`;

/** What is stored: written, planned, read, deleted. */
export function documentCommands(program: Program, environment: Environment, found: Found): void {
  const tenantOption = new Option('-t, --tenant <name>', 'whose (WEIR_TENANT)');
  const tenantOf = (options: { readonly tenant?: string }): string | undefined => options.tenant ?? environment['WEIR_TENANT'];

  writeOptions(clientCommand(program, 'apply', 'create or replace what files say, in one transaction'))
    .requiredOption('-f, --file <path...>', 'file, directory, or - for standard input; YAML or JSON')
    .addOption(tenantOption)
    .option('--detailed-exitcode', 'exit with 3 when something changed or would change')
    .action((options: WriteFlags & { file: string[]; detailedExitcode?: true }) =>
      found({
        kind: 'apply',
        connection: connectionOf(options, environment),
        files: options.file,
        tenant: tenantOf(options),
        ...writeFlagsOf(options),
        detailedExitCode: options.detailedExitcode === true,
      }),
    );

  clientCommand(program, 'plan', 'what files would change: connections, traffic that would be cut, conflicts, flows, quota')
    .option('-f, --file <path...>', 'file, directory, or - for standard input; YAML or JSON')
    .option('--delete <kind/name...>', 'and what would be deleted: policy/web', deletionOf)
    .addOption(tenantOption)
    .option('--json', 'print JSON')
    .option('--detailed-exitcode', 'exit with 3 when something would change')
    .action((options: PlanFlags, command: Program) => {
      const { file: files = [], delete: deletions = [], detailedExitcode, json } = options;
      const tenant = tenantOf(options);
      if (files.length + deletions.length === 0) command.error('error: write -f FILE, or --delete KIND/NAME');
      const homeless = deletions.find(({ kindPath }) => kindPath.scope === 'tenant' && tenant === undefined);
      if (homeless !== undefined) command.error(belongs(homeless.kindPath));
      const detailedExitCode = detailedExitcode === true;
      found({
        kind: 'plan',
        connection: connectionOf(options, environment),
        files,
        deletions,
        tenant,
        json: json === true,
        detailedExitCode,
      });
    });

  clientCommand(program, 'lint', 'rules that never decide, and rules that contradict each other')
    .addOption(new Option('-t, --tenant <name>', 'whose; of everybody without it (WEIR_TENANT)'))
    .option('-f, --file <path...>', 'as if these were stored, for their owners: file, directory, or - for standard input; YAML or JSON')
    .option('-n, --limit <n>', 'how many of each, at most 1000', positive, 100)
    .option('--json', 'print JSON')
    .option('--detailed-exitcode', 'exit with 3 when something is found')
    .action((options: LintFlags) =>
      found({
        kind: 'lint',
        connection: connectionOf(options, environment),
        files: options.file ?? [],
        tenant: tenantOf(options),
        limit: Math.min(options.limit, 1000),
        json: options.json === true,
        detailedExitCode: options.detailedExitcode === true,
      }),
    );

  readOptions(clientCommand(program, 'get', 'show what is stored and in effect'))
    .argument('<kind>', 'tenants, networks, routers, groups, services, policies, qos-policies, intents, vms or hosts', kindOf)
    .argument('[name]')
    .addOption(tenantOption)
    .option('-A, --all-tenants', 'of every tenant')
    .option('-l, --selector <labels>', 'app=web,tier!=db')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'wide', 'yaml', 'json']).default('table'))
    .option('--json', 'the same as -o json')
    .option('-w, --watch', 'then print what changes')
    .action((kindPath: KindPath, name: string | undefined, options: GetFlags, command: Program) => {
      const tenant = tenantOf(options);
      const allTenants = options.allTenants === true;
      if (name !== undefined && allTenants) command.error('error: one name belongs to one tenant: pass -t TENANT instead of -A');
      if (kindPath.scope === 'tenant' && tenant === undefined && !allTenants) command.error(`${belongs(kindPath)}, or -A for all`);
      const output = options.json === true ? 'json' : options.output;
      const { selector, watch } = options;
      found({
        kind: 'get',
        connection: connectionOf(options, environment),
        kindPath,
        name,
        tenant,
        allTenants,
        selector,
        output,
        watch: watch === true,
      });
    });

  writeOptions(clientCommand(program, 'delete', 'delete one thing'))
    .argument('<kind>', 'as for get', kindOf)
    .argument('<name>')
    .addOption(tenantOption)
    .action((kindPath: KindPath, name: string, options: WriteFlags, command: Program) => {
      const tenant = tenantOf(options);
      if (kindPath.scope === 'tenant' && tenant === undefined) command.error(belongs(kindPath));
      found({ kind: 'delete', connection: connectionOf(options, environment), kindPath, name, tenant, ...writeFlagsOf(options) });
    });
}

export function vmCommands(program: Program, environment: Environment, found: Found): void {
  const vm = program.command('vm').description('the hooks of a compute layer, by hand');
  const verb = (name: 'start' | 'stop', description: string): Program =>
    clientCommand(vm, name, description)
      .argument('<tenant/vm>', 'the VM', vmOf)
      .option('--timeout-ms <ms>', 'how long to wait; 5000 by default', positive)
      .option('--dry-run', 'say what would change; store nothing')
      .option('--json', 'print JSON');
  verb('start', 'put its flows on a host')
    .requiredOption('--host <name>', 'where it will run')
    .option('--wait', 'until its ports are plugged and forward')
    .action((id: VmId, options: WriteFlags & { host: string }) =>
      found({
        kind: 'vm',
        connection: connectionOf(options, environment),
        ...id,
        verb: { kind: 'start', host: options.host },
        ...writeFlagsOf(options),
        wait: options.wait === true ? 'active' : undefined,
      }),
    );
  verb('stop', 'take its flows away; MAC and addresses stay')
    .option('--wait', 'until every switch concerned has committed it')
    .action((id: VmId, options: WriteFlags) =>
      found({
        kind: 'vm',
        connection: connectionOf(options, environment),
        ...id,
        verb: { kind: 'stop' },
        ...writeFlagsOf(options),
        wait: options.wait === true ? 'realized' : undefined,
      }),
    );
}

function kindOf(text: string) {
  const found = kindNamed(text);
  if (!found)
    throw new InvalidArgumentError(
      'must be one of tenants, networks, routers, groups, services, policies, qos-policies, intents, vms, hosts.',
    );
  return found;
}

type Deletions = PlanCommand['deletions'];

function deletionOf(text: string, before: Deletions = []): Deletions {
  const [kind = '', name = '', ...rest] = text.split('/');
  if (name === '' || rest.length > 0) throw new InvalidArgumentError('Write KIND/NAME, such as policy/web.');
  return [...before, { kindPath: kindOf(kind), name }];
}

interface VmId {
  readonly tenant: string;
  readonly name: string;
}

function vmOf(text: string): VmId {
  const parts = /^([^/]+)\/([^/]+)$/.exec(text);
  if (!parts) throw new InvalidArgumentError('Write TENANT/VM.');
  return { tenant: parts[1] ?? '', name: parts[2] ?? '' };
}
