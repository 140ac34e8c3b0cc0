import type { Lab } from '../../src/lab/index.ts';

/** Members, each with ports of its own. */
export interface OpenFlowMembers {
  readonly ids: readonly string[];
  member(id: string): { readonly openflowPort: number };
}

/** The role of each member that is connected, as the switch's database has it: up to 5 s late. */
export async function rolesOf(lab: Lab, host: string, cluster: OpenFlowMembers): Promise<ReadonlyMap<string, string>> {
  const text = await lab.vsctl(host, ['-f', 'csv', '--no-headings', '--columns=target,role,is_connected', 'list', 'Controller']);
  const lines = text.split('\n').map((line) => line.split(',').map((cell) => cell.replaceAll('"', '')));
  const ports = new Map(cluster.ids.map((id) => [String(cluster.member(id).openflowPort), id]));
  return new Map(
    lines.flatMap(([target = '', role = '', connected]) => {
      const id = ports.get(target.split(':').at(-1) ?? '');
      return id !== undefined && connected === 'true' ? [[id, role] as const] : [];
    }),
  );
}

/** The one master among so many connected members; undefined while it is not so. */
export async function masterOf(lab: Lab, host: string, cluster: OpenFlowMembers, connected: number): Promise<string | undefined> {
  const roles = [...(await rolesOf(lab, host, cluster))];
  const masters = roles.filter(([, role]) => role === 'master');
  const isRight = roles.length === connected && masters.length === 1 && roles.every(([, role]) => role !== 'other');
  return isRight ? masters[0]?.[0] : undefined;
}

/** The epoch in the switch's own database. */
export async function epochOf(lab: Lab, host: string): Promise<number> {
  return Number((await lab.vsctl(host, ['get', 'Open_vSwitch', '.', 'external_ids:weir-epoch'])).replaceAll(/["\s]/g, ''));
}
