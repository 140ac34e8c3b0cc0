import type { ClusterAnswer } from '../api/schema/cluster.ts';
import { Client } from './client.ts';
import type { ClusterCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import { tableOf, type Terminal } from './terminal.ts';

/** `weir cluster status|add|remove|transfer`: the members, asked at any of them. */
export async function cluster(command: ClusterCommand, terminal: Terminal): Promise<ExitCode> {
  try {
    const answer = await new Client(command.connection).call<ClusterAnswer>(callOf(command.verb));
    if (command.json) terminal.print(JSON.stringify(answer));
    else printCluster(answer, terminal);
    return 0;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

function callOf(verb: ClusterCommand['verb']) {
  switch (verb.kind) {
    case 'status':
      return { method: 'GET', path: '/v1/cluster' } as const;
    case 'add':
      return { method: 'POST', path: '/v1/cluster/members', body: { id: verb.id, address: verb.address } } as const;
    case 'remove':
      return { method: 'DELETE', path: `/v1/cluster/members/${encodeURIComponent(verb.id)}` } as const;
    case 'transfer':
      return { method: 'POST', path: '/v1/cluster/transfer', body: verb.to === undefined ? {} : { to: verb.to } } as const;
  }
}

function printCluster(answer: ClusterAnswer, { print, colours }: Terminal): void {
  const leader = answer.leader ?? colours.red('none');
  print(
    `cluster ${answer.cluster}, leader ${leader}, term ${answer.term}, revision ${answer.revision}, version ${answer.version}, as ${answer.from} sees it`,
  );
  const rows = answer.members.map(({ id, address, role, leader: leads, reachable, joined, match, runs }) => [
    id,
    address || '-',
    leads ? 'leader' : role,
    reachable ? colours.green('up') : colours.red('down'),
    joined ? 'yes' : colours.yellow('no'),
    match === null ? '-' : match >= answer.commit ? String(match) : colours.yellow(String(match)),
    runs?.release || '-',
    runs === null ? '-' : runs.versionMin === runs.version ? `${runs.version}` : `${runs.versionMin}-${runs.version}`,
  ]);
  print(`\n${tableOf(['MEMBER', 'ADDRESS', 'ROLE', 'STATE', 'JOINED', 'LOG', 'RELEASE', 'VERSIONS'], rows, colours)}`);
  for (const { id, warnings = [] } of answer.members) for (const warning of warnings) print(colours.yellow(`${id}: ${warning}`));
}
