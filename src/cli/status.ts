import { Client } from './client.ts';
import type { StatusCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import { tableOf, type Terminal } from './terminal.ts';

interface Status {
  readonly version: string;
  readonly revision: number;
  readonly leader: string | null;
  readonly members: readonly MemberStatus[];
  readonly switches: readonly SwitchStatus[];
}

interface MemberStatus {
  readonly name: string;
  readonly address: string;
  readonly leader: boolean;
  readonly reachable: boolean;
  /** Earlier releases do not say. */
  readonly warnings?: readonly string[];
}

interface SwitchStatus {
  readonly name: string;
  readonly connected: boolean;
  readonly ovsdb: boolean;
  readonly encapIp?: string;
  readonly openflow?: string;
  readonly realizedRevision: number;
  readonly flows: number;
  readonly driftRepaired: number;
  readonly errors: readonly unknown[];
  readonly warnings: readonly string[];
}

/** `weir status`: members, leader, switches and the revision that each carries out. */
export async function status(command: StatusCommand, terminal: Terminal): Promise<ExitCode> {
  try {
    const answer = await new Client(command.connection).call<Status>({ method: 'GET', path: '/v1/status' });
    if (command.json) terminal.print(JSON.stringify(answer));
    else printStatus(answer, terminal);
    return 0;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

function printStatus(answer: Status, { print, colours }: Terminal): void {
  const warn = (all: readonly { readonly name: string; readonly warnings?: readonly string[] }[]): void => {
    for (const { name, warnings = [] } of all) for (const warning of warnings) print(colours.yellow(`${name}: ${warning}`));
  };
  print(`weir ${answer.version}, revision ${answer.revision}, leader ${answer.leader ?? colours.red('none')}`);
  const members = answer.members.map(({ name, address, leader, reachable }) => {
    const role = leader ? 'leader' : 'follower';
    return [name, address, reachable ? role : colours.red('down')];
  });
  print(`\n${tableOf(['MEMBER', 'ADDRESS', 'ROLE'], members, colours)}`);
  warn(answer.members);
  if (answer.switches.length === 0)
    return print('\nno switch has connected yet: on a hypervisor, "ovs-vsctl set-manager tcp:ADDRESS:6640"');
  const up = (yes: boolean): string => (yes ? colours.green('up') : colours.red('down'));
  const rows = answer.switches.map((each) => [
    each.name,
    up(each.ovsdb),
    up(each.connected),
    each.encapIp ?? '-',
    each.realizedRevision >= answer.revision ? String(each.realizedRevision) : colours.yellow(String(each.realizedRevision)),
    String(each.flows),
    String(each.driftRepaired),
    String(each.errors.length),
  ]);
  print(`\n${tableOf(['SWITCH', 'OVSDB', 'OPENFLOW', 'ENCAP', 'REVISION', 'FLOWS', 'DRIFT', 'ERRORS'], rows, colours)}`);
  warn(answer.switches);
}
