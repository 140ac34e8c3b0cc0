import { type Act, type Row, same, within } from '../../act.ts';
import type { StatusAnswer } from '../../api.ts';
import { monitorFlows } from '../../flow-monitor.ts';
import { startPings } from '../../passing.ts';
import { ask, type Probe } from '../../probe.ts';
import type { ClusterWorld } from '../world.ts';

const path = '/v1/tenants/acme/policies/maintenance';
const realizedMsMax = 1000;
const awaitMsMax = 30_000;

/** To web servers on two hosts, and from a third. */
const maintenance = {
  kind: 'Policy',
  metadata: { name: 'maintenance', tenant: 'acme' },
  spec: { tier: 'tenant', order: 1, appliesTo: ['web'], ingress: [{ action: 'deny', services: [{ protocol: 'udp', port: 8080 }] }] },
};

const probes = (expected: Probe['expected'], because: string): readonly Probe[] =>
  (['acme/web-1', 'acme/web-2'] as const).map((to) => ({ from: 'acme/client-1', to, via: 'udp/8080', expected, because }));

/** The flow monitors hear it: their silence in other acts is no deafness. */
export const change: Act<ClusterWorld> = {
  title: 'A policy changes while one is dead, and every switch does it',
  async play(world, note) {
    const monitor = await monitorFlows(world.lab);
    const pings = startPings(world);
    const allowed = await ask(world, probes('passes', 'web-in'));
    note('denied');
    const denying = await realized(world, 'PUT of a policy', () => world.api.put(path, maintenance));
    const denied = await ask(world, probes('silence', 'maintenance'));
    note('allowed again');
    let revision = 0;
    const allowing = await realized(world, 'DELETE of it', async () => ({ revision } = await world.api.remove(path)));
    const again = await ask(world, probes('passes', 'web-in'));
    const [losses, changes] = await Promise.all([pings.stop(), monitor.stop()]);
    return [
      ...allowed,
      denying,
      ...denied,
      allowing,
      ...again,
      await carriedOutRow(world, revision),
      { what: 'flows changed, as flow monitors tell', expected: 'some', seen: `${changes.length}`, ok: changes.length > 0 },
      ...losses,
    ];
  },
};

/** Asked for and waited for at one member. */
async function realized(world: ClusterWorld, what: string, work: () => Promise<unknown>): Promise<Row> {
  const begin = performance.now();
  await work();
  return within(`${what} at ${world.present[0]?.id}`, realizedMsMax, performance.now() - begin, 'realized on every switch after');
}

/** Owners tell the others, who tell whoever asks them. */
async function carriedOutRow(world: ClusterWorld, revision: number): Promise<Row> {
  const hosts = world.lab.hosts.size;
  const doing = ({ switches }: StatusAnswer): number => switches.filter(({ realizedRevision }) => realizedRevision >= revision).length;
  const statuses = await Promise.all(
    world.present.map(({ api }) => world.awaitStatus((status) => doing(status) === hosts, awaitMsMax, api)),
  );
  return same(
    `switches that carry out revision ${revision}, as ${world.present.map(({ id }) => id).join(' and ')} say`,
    world.present.map(() => hosts).join(' and '),
    statuses.map(doing).join(' and '),
  );
}
