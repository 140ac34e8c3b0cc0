import type { Lab } from '../../src/lab/index.ts';
import { execute, expectSuccess } from '../../src/lab/command.ts';
import { inNamespace } from '../../src/lab/namespace.ts';

/**
 * Packets that this machine dropped because whoever reads a socket got no turn: a switch at its ports, a guest's program at its own. They
 * never met a flow, or had passed all of them.
 */
export async function bufferDrops(lab: Lab): Promise<number> {
  const atSwitches = [...lab.hosts.values()].map(async ({ netns }) => {
    const sockets = await expectSuccess(inNamespace(netns, ['ss', '--packet', '--memory', '--no-header']));
    return sum(sockets.matchAll(/skmem:\([^)]*,d(\d+)\)/g));
  });
  const atGuests = lab.guests.map(async ({ netns }) => {
    const { stdout } = await execute(inNamespace(netns, ['cat', '/proc/net/snmp', '/proc/net/snmp6']));
    // The line behind the names: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors.
    return sum(stdout.matchAll(/^Udp: \d+ \d+ \d+ \d+ (\d+)/gm)) + sum(stdout.matchAll(/^Udp6RcvbufErrors\s+(\d+)/gm));
  });
  return (await Promise.all([...atSwitches, ...atGuests])).reduce((total, count) => total + count, 0);
}

function sum(matches: Iterable<RegExpMatchArray>): number {
  let total = 0;
  for (const [, count] of matches) total += Number(count);
  return total;
}
