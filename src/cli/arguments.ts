import { Argument, Command as Program, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { KindPath } from '../api/schema/kinds.ts';
import type { Overrides } from '../config/index.ts';
import type { Command, Connection, Output, PlanCommand, TopCommand } from './command.ts';
import { serviceOf } from './explain-question.ts';
import { kindNamed } from './get.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What is read beside the arguments. */
export interface Surroundings {
  readonly environment: Environment;
  readonly workingDirectory: string;
  /** Standard output is a terminal. */
  readonly isTerminal?: boolean;
  readonly version: string;
}

const serverDefault = 'http://127.0.0.1:6680';

/** Arguments → one command. What is wrong with them becomes a command too: to say so and exit with 2. */
export function parseArguments(args: readonly string[], surroundings: Surroundings): Command {
  let parsed: Command | undefined;
  let said = '';
  const program = describe(surroundings, (command) => (parsed = command));
  const silent = { writeOut: (text: string) => (said += text), writeErr: (text: string) => (said += text) };
  for (const each of withSubcommands(program)) each.exitOverride().configureOutput(silent);
  try {
    program.parse([...args], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    const asked = ['commander.helpDisplayed', 'commander.version'].includes(thrown.code);
    return { kind: 'say', text: said.trimEnd() || `error: ${thrown.message}`, to: asked ? 'stdout' : 'stderr', exitCode: asked ? 0 : 2 };
  }
  return parsed ?? { kind: 'say', text: program.helpInformation().trimEnd(), to: 'stderr', exitCode: 2 };
}

function withSubcommands(program: Program): readonly Program[] {
  return [program, ...program.commands.flatMap((each) => withSubcommands(each))];
}

type Found = (command: Command) => void;

function describe(surroundings: Surroundings, found: Found): Program {
  const program = new Program('weir')
    .description('SDN controller and network policy engine for Open vSwitch')
    .version(surroundings.version)
    .showHelpAfterError('(see --help)');
  serveCommand(program, surroundings, found);
  documentCommands(program, surroundings.environment, found);
  vmCommands(program, surroundings.environment, found);
  clientCommand(program, 'status', 'members, leader, switches and what they carry out')
    .option('--json', 'print JSON')
    .action((options: ClientOptions & { json?: true }) =>
      found({ kind: 'status', connection: connectionOf(options, surroundings.environment), json: options.json === true }),
    );
  intentCommand(program, surroundings.environment, found);
  explainCommand(program, surroundings.environment, found);
  logCommand(program, surroundings.environment, found);
  decideCommand(program, surroundings.environment, found);
  countedCommands(program, surroundings, found);
  pkiCommands(program, found);
  openflowCommands(program, found);
  labCommands(program, surroundings.environment, found);
  program
    .command('bench')
    .description('measure: codec, decide, policies, intents, conflicts, explain, store, rules or all')
    .argument('<name>')
    .option('--json', 'print one JSON object a line')
    .action((name: string, options: { json?: true }) => found({ kind: 'bench', name, json: options.json === true }));
  program
    .command('demo')
    .description('the main job on a lab of three hypervisors, with real traffic: what was expected beside what was seen')
    .addOption(new Option('--keep', 'leave it running').conflicts('down'))
    .option('--down', 'end what was left running')
    .action((options: { keep?: true; down?: true }) => found({ kind: 'demo', keep: options.keep === true, down: options.down === true }));
  return program;
}

function serveCommand(program: Program, { environment, workingDirectory }: Surroundings, found: Found): void {
  program
    .command('serve')
    .description('run the controller')
    .option('--config <file>', 'configuration, YAML or JSON (WEIR_CONFIG)')
    .option('--data <dir>', 'directory of the store (WEIR_DATA)')
    .option('--listen <host:port>', 'where the API listens; 127.0.0.1:6680 by default (WEIR_LISTEN)')
    .option('--openflow <host:port>', 'where switches connect by OpenFlow; 0.0.0.0:6653 by default (WEIR_OPENFLOW)')
    .option('--ovsdb <host:port>', 'where switches connect by OVSDB; 0.0.0.0:6640 by default (WEIR_OVSDB)')
    .option('--advertise <host>', 'address that switches are told to connect to (WEIR_ADVERTISE)')
    .option('--insecure-switches', 'accept switches over plain tcp (WEIR_INSECURE_SWITCHES)')
    .option('--store <kind>', 'how documents are kept; "level" is the only way (WEIR_STORE)')
    .option('--retention <duration>', 'how long versions are kept; 24h by default (WEIR_RETENTION)')
    .addOption(
      new Option('--log-level <level>', 'what is logged; info by default (WEIR_LOG_LEVEL)').choices([
        'debug',
        'info',
        'warn',
        'error',
        'silent',
      ]),
    )
    .action(({ config, ...flags }: Overrides & { config?: string }) => {
      found({ kind: 'serve', sources: { file: config, flags, environment, workingDirectory } });
    });
}

interface ClientOptions {
  readonly server?: URL;
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

function clientCommand(program: Program, name: string, description: string): Program {
  return program
    .command(name)
    .description(description)
    .option('--server <url>', `the API; ${serverDefault} by default (WEIR_SERVER)`, urlOf)
    .option('--token <token>', 'bearer token (WEIR_TOKEN)')
    .option('--ca <file>', 'authority that the server must be signed by, PEM (WEIR_CA)')
    .option('--cert <file>', 'client certificate, PEM (WEIR_CERT)')
    .option('--key <file>', 'its key, PEM (WEIR_KEY)');
}

function writeOptions(command: Program): Program {
  return command
    .option('--wait', 'until every switch concerned has committed it')
    .option('--timeout-ms <ms>', 'how long to wait; 5000 by default', positive)
    .option('--dry-run', 'say what would change; store nothing')
    .option('--json', 'print JSON');
}

interface WriteFlags extends ClientOptions {
  readonly tenant?: string;
  readonly wait?: true;
  readonly timeoutMs?: number;
  readonly dryRun?: true;
  readonly json?: true;
}

const writeFlagsOf = ({ wait, timeoutMs, dryRun, json }: WriteFlags) => ({
  wait: wait === true,
  timeoutMs,
  dryRun: dryRun === true,
  json: json === true,
});

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

const belongs = (kindPath: KindPath): string => `error: a ${kindPath.singular} belongs to a tenant: pass -t TENANT`;

function documentCommands(program: Program, environment: Environment, found: Found): void {
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

  clientCommand(program, 'get', 'show what is stored and in effect')
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

function vmCommands(program: Program, environment: Environment, found: Found): void {
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

interface ExplainFlags extends ClientOptions {
  readonly tenant?: string;
  readonly family?: 4 | 6;
  readonly at?: string;
  readonly fromAddress?: string;
  readonly fromMac?: string;
  readonly rule?: number;
  readonly json?: true;
}

interface IntentFlags extends WriteFlags {
  readonly name?: string;
  readonly order?: number;
  readonly apply?: true;
  readonly conflicts?: true;
}

function intentCommand(program: Program, environment: Environment, found: Found): void {
  clientCommand(program, 'intent', 'try a sentence: what it means, what it comes to and what contradicts it')
    .argument('[text]', '"allow web servers to reach databases on postgresql"')
    .option('-t, --tenant <name>', "whose (WEIR_TENANT); the platform's without it")
    .option('--name <name>', 'what it is called; after its words by default')
    .option('--order <n>', 'a multiple of 10; 500 by default', positive)
    .option('--apply', 'store it')
    .option('--wait', 'with --apply: until every switch concerned has committed it')
    .option('--timeout-ms <ms>', 'how long to wait; 5000 by default', positive)
    .option('--conflicts', 'instead of a text: which of those that are stored contradict each other')
    .option('--json', 'print JSON')
    .action((text: string | undefined, options: IntentFlags, command: Program) => {
      if ((text === undefined) !== (options.conflicts === true)) return command.error('error: write a text, or --conflicts');
      return found({
        kind: 'intent',
        connection: connectionOf(options, environment),
        text,
        name: options.name,
        order: options.order,
        tenant: options.tenant ?? environment['WEIR_TENANT'],
        apply: options.apply === true,
        ...writeFlagsOf(options),
      });
    });
}

type ExplainArguments = readonly [string | undefined, string | undefined, ReturnType<typeof serviceOf> | undefined];

function explainCommand(program: Program, environment: Environment, found: Found): void {
  clientCommand(program, 'explain', 'why a connection passes or not: verdict, rules, way, flows and counters')
    .argument('[from]', 'vm, vm/interface or an address; without a tenant tenant/vm or tenant/vm/interface')
    .argument('[to]', 'the same')
    .argument('[service]', 'tcp/5432, udp/53, sctp/7, icmp, icmp/8/0, icmpv6', serviceOf)
    .option('-t, --tenant <name>', 'whose names (WEIR_TENANT)')
    .option('--family <4|6>', 'IP version', familyOf)
    .option('--at <moment>', 'a revision or a time (RFC 3339): as it was then')
    .option('--from-address <address>', "as if it were sent from another address than the interface's own")
    .option('--from-mac <mac>', 'as if it were sent from another MAC')
    .option('--rule <id>', 'instead: the rule with this number, as the ct_label of a connection records it', positive)
    .option('--json', 'print JSON')
    .action((...[from, to, service, options, command]: [...ExplainArguments, ExplainFlags, Program]) => {
      const { family, at, fromAddress, fromMac, rule } = options;
      const common = {
        connection: connectionOf(options, environment),
        tenant: options.tenant ?? environment['WEIR_TENANT'],
        json: options.json === true,
      };
      if (rule !== undefined) return found({ kind: 'rule', ...common, id: rule });
      if (from === undefined || to === undefined || service === undefined)
        return command.error('error: write FROM TO PROTOCOL[/PORT], or --rule ID');
      const rest = {
        ...(family !== undefined && { family }),
        ...(at !== undefined && { at }),
        ...(fromAddress !== undefined && { fromAddress }),
        ...(fromMac !== undefined && { fromMac }),
      };
      return found({ kind: 'explain', ...common, question: { from, to, ...service, ...rest } });
    });
}

interface LogFlags extends ClientOptions {
  readonly tenant?: string;
  readonly limit: number;
  readonly follow?: true;
  readonly json?: true;
}

function logCommand(program: Program, environment: Environment, found: Found): void {
  clientCommand(program, 'log', 'what rules with "log: true" decided, the newest last')
    .option('-t, --tenant <name>', 'whose (WEIR_TENANT); of all without it')
    .option('--limit <n>', 'how many of the last, 1000 at most', positive, 100)
    .option('-f, --follow', 'then print each as it comes')
    .option('--json', 'print one JSON object a line')
    .action(({ tenant, limit, follow, json, ...options }: LogFlags) =>
      found({
        kind: 'log',
        connection: connectionOf(options, environment),
        tenant: tenant ?? environment['WEIR_TENANT'],
        limit: Math.min(limit, 1000),
        follow: follow === true,
        json: json === true,
      }),
    );
}

function decideCommand(program: Program, environment: Environment, found: Found): void {
  clientCommand(program, 'decide', 'whether policy allows a connection, and which rule decides on each side')
    .argument('[from]', 'VM, VM/INTERFACE or an address; without -t TENANT/VM or TENANT/VM/INTERFACE')
    .argument('[to]', 'the same')
    .argument('[service]', 'tcp/5432, udp/53, sctp/7, icmp, icmp/8/0, icmpv6', serviceOf)
    .option('-f, --file <path>', 'many questions: JSON as the API takes it or lines of FROM TO SERVICE; - for standard input')
    .option('-t, --tenant <name>', 'whose (WEIR_TENANT)')
    .option('--json', 'print JSON')
    .action((...[from, to, service, options, command]: [...ExplainArguments, DecideFlags, Program]) => {
      const { file } = options;
      const question = from !== undefined && to !== undefined && service !== undefined ? { from, to, ...service } : undefined;
      if ((file === undefined) === (question === undefined) || (file !== undefined && from !== undefined))
        command.error('error: write FROM TO PROTOCOL[/PORT], or -f FILE');
      const connection = connectionOf(options, environment);
      const tenant = options.tenant ?? environment['WEIR_TENANT'];
      found({ kind: 'decide', connection, tenant, question, file, json: options.json === true });
    });
}

interface DecideFlags extends ClientOptions {
  readonly tenant?: string;
  readonly file?: string;
  readonly json?: true;
}

interface CountedFlags extends ClientOptions {
  readonly tenant?: string;
  readonly json?: true;
}

function countedCommands(program: Program, { environment, isTerminal = false }: Surroundings, found: Found): void {
  const common = (options: CountedFlags) => ({
    connection: connectionOf(options, environment),
    tenant: options.tenant ?? environment['WEIR_TENANT'],
    json: options.json === true,
  });
  clientCommand(program, 'top', 'the policies that decide most, with rates between two readings')
    .addArgument(new Argument('<what>').choices(['policies']))
    .option('-t, --tenant <name>', 'whose; of everybody without it (WEIR_TENANT)')
    .addOption(new Option('--sort <by>', 'the most first').choices(['packets', 'bytes', 'connections', 'rate']).default('rate'))
    .option('-n, --limit <n>', 'how many', positive, 20)
    .option('-w, --watch', 'again and again')
    .option('--json', 'print JSON, a line for each reading')
    .action((_what: string, options: CountedFlags & { sort: TopCommand['sort']; limit: number; watch?: true }) => {
      const { sort, limit, watch } = options;
      found({ kind: 'top', ...common(options), sort, limit, watch: watch === true, inPlace: isTerminal });
    });
  clientCommand(program, 'unused', 'rules that nothing has hit for a while')
    .option('-t, --tenant <name>', 'whose; of everybody without it (WEIR_TENANT)')
    .option('--days <n>', 'for how long', positive, 30)
    .option('--json', 'print JSON')
    .action((options: CountedFlags & { days: number }) => found({ kind: 'unused', ...common(options), days: options.days }));
}

function pkiCommands(program: Program, found: Found): void {
  const pki = program.command('pki').description('an authority of your own and its certificates');
  pki
    .command('init')
    .description('make the authority')
    .requiredOption('--dir <dir>', 'where its files are')
    .option('--name <name>', 'what it is called', 'Weir')
    .option('--days <days>', 'how long it holds', positive, 3650)
    .option('--json', 'print JSON')
    .action((options: { dir: string; name: string; days: number; json?: true }) =>
      found({ kind: 'pki-init', options, json: options.json === true }),
    );
  const issue = pki.command('issue').description('make a key and its certificate');
  const purpose = (name: 'controller' | 'switch' | 'client', description: string, argument: string): Program =>
    issue
      .command(name)
      .description(description)
      .argument(`<${argument}>`)
      .requiredOption('--dir <dir>', 'where the authority is and the files go')
      .option('--days <days>', 'how long it holds', positive, 825)
      .option('--json', 'print JSON');
  type Options = { dir: string; days: number; json?: true; address?: string[] };
  const issued =
    (which: 'controller' | 'switch' | 'client') =>
    (name: string, { dir, days, json, address }: Options) =>
      found({ kind: 'pki-issue', options: { dir, purpose: which, name, addresses: address ?? [], days }, json: json === true });
  purpose('controller', 'for a member', 'name')
    .requiredOption('--address <address...>', 'DNS names and IP addresses by which it is reached')
    .action(issued('controller'));
  purpose('switch', 'for a hypervisor', 'system-id').action(issued('switch'));
  purpose('client', 'for a caller of the API', 'name').action(issued('client'));
}

function openflowCommands(program: Program, found: Found): void {
  const openflow = program.command('openflow').description('read and write OpenFlow messages, one a line');
  openflow
    .command('decode')
    .description('messages in hexadecimal, one a line, from standard input; JSON out')
    .action(() => found({ kind: 'openflow-decode' }));
  openflow
    .command('encode')
    .description('JSON as decode prints it, one object a line, from standard input; hexadecimal out')
    .action(() => found({ kind: 'openflow-encode' }));
}

interface LabFlags {
  readonly name?: string;
  readonly dir?: string;
  readonly json?: true;
}

function labCommands(program: Program, environment: Environment, found: Found): void {
  const lab = program.command('lab').description('hypervisors and guests in namespaces, with real Open vSwitch');
  const labCommand = (name: string, description: string): Program =>
    lab
      .command(name)
      .description(description)
      .option('--name <name>', 'which lab; "weir" by default')
      .option('--dir <dir>', 'where labs are kept (WEIR_LAB_DIR)')
      .option('--json', 'print JSON');
  labCommand('up', 'make hypervisors')
    .requiredOption('--hosts <n>', 'how many', positive)
    .option('--manager <target...>', 'for ovs-vsctl set-manager; tcp:gateway:PORT is this machine')
    .action((options: LabFlags & { hosts: number; manager?: string[] }) => found({ kind: 'lab-up', options }));
  labCommand('show', 'what is there').action((options: LabFlags) => found({ kind: 'lab-show', options }));
  labCommand('plug', 'make the guest of a started VM')
    .argument('<tenant>')
    .argument('<vm>')
    .option('--server <url>', `the API; ${serverDefault} by default (WEIR_SERVER)`)
    .option('--token <token>', 'bearer token (WEIR_TOKEN)')
    .option('--host <name>', 'another host than the one it was started on')
    .action((tenant: string, vm: string, options: LabFlags & { server?: string; token?: string; host?: string }) => {
      const { WEIR_SERVER, WEIR_TOKEN } = environment;
      const server = options.server ?? WEIR_SERVER;
      const token = options.token ?? WEIR_TOKEN;
      found({
        kind: 'lab-plug',
        options: { ...options, tenant, vm, ...(server !== undefined && { server }), ...(token !== undefined && { token }) },
      });
    });
  labCommand('unplug', 'remove it')
    .argument('<tenant>')
    .argument('<vm>')
    .option('--host <name>', 'on this host only')
    .action((tenant: string, vm: string, options: LabFlags & { host?: string }) =>
      found({ kind: 'lab-unplug', options: { ...options, tenant, vm } }),
    );
  labCommand('down', 'remove everything').action((options: LabFlags) => found({ kind: 'lab-down', options }));
}

function connectionOf(options: ClientOptions, environment: Environment): Connection {
  const { WEIR_SERVER, WEIR_TOKEN, WEIR_CA, WEIR_CERT, WEIR_KEY } = environment;
  return {
    server: options.server ?? urlOf(WEIR_SERVER ?? serverDefault),
    token: options.token ?? WEIR_TOKEN,
    ca: options.ca ?? WEIR_CA,
    cert: options.cert ?? WEIR_CERT,
    key: options.key ?? WEIR_KEY,
  };
}

function urlOf(text: string): URL {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw new InvalidArgumentError(`"${text}" is no http:// or https:// address.`);
  return url;
}

function familyOf(text: string): 4 | 6 {
  if (text !== '4' && text !== '6') throw new InvalidArgumentError('It is 4 or 6.');
  return text === '4' ? 4 : 6;
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}

function kindOf(text: string) {
  const found = kindNamed(text);
  if (!found)
    throw new InvalidArgumentError(
      `"${text}" is none of tenants, networks, routers, groups, services, policies, qos-policies, intents, vms, hosts.`,
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
