import { type Act, type Note, type Row, same, spell, within } from '../../act.ts';
import { cast } from '../../cast.ts';
import { ask, type Probe } from '../../probe.ts';
import { ledgerRow } from '../evidence.ts';
import type { Member } from '../member.ts';
import type { ClusterWorld } from '../world.ts';

const services = '/v1/tenants/acme/services';
const closedPath = '/v1/tenants/globex/policies/closed';
const realizedMsMax = 1000;

/** Of globex/web-1, which is on one host. */
const closed = {
  kind: 'Policy',
  metadata: { name: 'closed', tenant: 'globex' },
  spec: { tier: 'tenant', order: 1, appliesTo: ['guarded'], ingress: [{ action: 'deny', services: [{ protocol: 'tcp', port: 8080 }] }] },
};

const call = { from: 'globex/bulk-1', to: 'globex/web-1', via: 'tcp/8080' } as const;
const probe = (expected: Probe['expected'], because: string): Probe => ({ ...call, expected, because });

export const anywhere: Act<ClusterWorld> = {
  title: 'Any of them takes writes, reads and waits, whoever leads and whoever owns the switch',
  play: async (world, note) => [
    ...(await writeAndRead(world, note)),
    ...(await waitElsewhere(world, note)),
    await ledgerRow(world, world.present),
  ],
};

async function writeAndRead({ present }: ClusterWorld, note: Note): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [index, at] of present.entries()) {
    const other = present[(index + 1) % present.length] ?? at;
    note(`${at.id}, then ${other.id}`);
    const name = `by-${at.id}`;
    const begin = performance.now();
    const { metadata } = await at.api.write(`${services}/${name}`, {
      kind: 'Service',
      metadata: { name, tenant: 'acme' },
      spec: { ports: [{ protocol: 'udp', port: 1000 + index }] },
    });
    const written = performance.now();
    const { items } = await other.api.get<{ items: readonly { metadata: { name: string; revision: number } }[] }>(services);
    const seen = items.find((item) => item.metadata.name === name)?.metadata.revision;
    const took = `${spell(written - begin)} and ${spell(performance.now() - written)}`;
    const row = same(`PUT at ${at.id}, then list at ${other.id}`, `revision ${metadata.revision}`, `revision ${seen ?? 'of nothing'}`);
    rows.push({ ...row, seen: `${row.seen}, ${took}` });
  }
  return rows;
}

async function waitElsewhere(world: ClusterWorld, note: Note): Promise<Row[]> {
  const host = cast['globex/web-1'];
  const owner = (await world.awaitOwners()).of.get(host) ?? 'nobody';
  const [first, second] = world.present.filter(({ id }) => id !== owner);
  if (!first || !second) return [same(`members that do not own ${host}`, 'two', 'fewer')];
  note(`waiting for ${owner}`);
  const waited = async (member: Member, what: string, work: () => Promise<unknown>): Promise<Row> => {
    const begin = performance.now();
    await work();
    return within(
      `${what} ?wait=realized at ${member.id}; ${host} is ${owner}'s`,
      realizedMsMax,
      performance.now() - begin,
      'realized after',
    );
  };
  return [
    ...(await ask(world, [probe('passes', 'open')])),
    await waited(first, 'PUT of a policy', () => first.api.put(closedPath, closed)),
    ...(await ask(world, [probe('silence', 'closed')])),
    await waited(second, 'DELETE of it', () => second.api.remove(closedPath)),
    ...(await ask(world, [probe('passes', 'open again')])),
  ];
}
