import type { Command as Program } from 'commander';
import { positive, serverDefault } from './client.ts';
import type { Environment, Found } from './client.ts';

/** Commands that do their work here. */
export function localCommands(program: Program, environment: Environment, found: Found): void {
  pkiCommands(program, found);
  openflowCommands(program, found);
  labCommands(program, environment, found);
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
