import { type Act, awaited, delay, type Row, same, within } from '../../act.ts';
import { monitorFlows } from '../../flow-monitor.ts';
import { startTraffic } from '../../passing.ts';
import { ask, type Probe } from '../../probe.ts';
import { awaitMoved, ledgerRow, movedRow, noFlowRow, ownersRow } from '../evidence.ts';
import type { Member } from '../member.ts';
import { ownedBy, type Owners, sameOwners } from '../owners.ts';
import type { ClusterWorld } from '../world.ts';
import { acceptedRow } from './leader-death.ts';

const moveMsMax = 3000;
const patienceMs = 30_000;
const realizedMsMax = 1000;
const afterwardsMs = 300;
const path = '/v1/tenants/globex/policies/no-lab-udp';

const denial = {
  kind: 'Policy',
  metadata: { name: 'no-lab-udp', tenant: 'globex' },
  spec: { ingress: [{ action: 'deny', services: [{ protocol: 'udp', port: 8080 }] }] },
};
const probe: Probe = { from: 'globex/lab-1', to: 'globex/lab-2', via: 'udp/8080', expected: 'silence', because: 'no-lab-udp' };

/** The leader, which owns switches: it has connections to all of them, believes that it leads, and is told nothing. */
export const standstill: Act<ClusterWorld> = {
  title: 'The leader stands still (SIGSTOP), is overtaken, and goes on (SIGCONT)',
  async play(world, note) {
    const { leader } = await world.awaitLeader();
    const stale = world.member(leader);
    const before = await world.awaitOwners();
    const traffic = await startTraffic(world);
    note(`SIGSTOP to ${leader}`);
    const overtaken = await overtake(world, stale, before);
    note(`SIGCONT to ${leader}`);
    const woken = await wake(world, stale, overtaken.owners);
    const passed = await traffic.stop();
    return [...overtaken.rows, ...woken, ...passed, await ledgerRow(world, world.present)];
  },
};

interface Overtaken {
  readonly rows: readonly Row[];
  readonly owners: Owners;
}

async function overtake(world: ClusterWorld, { id }: Member, before: Owners): Promise<Overtaken> {
  const epochs = new Map(ownedBy(before, id).map((host) => [host, world.epochs.of(host)]));
  const stoppedMs = performance.now();
  world.freeze(id);
  const [accepted, moved] = await Promise.all([
    world.ledger.acceptedAfter(stoppedMs, patienceMs),
    awaitMoved(world, epochs, stoppedMs, patienceMs),
  ]);
  const owners = await world.awaitOwners();
  const begin = performance.now();
  await world.api.put(path, denial);
  const realizedMs = performance.now() - begin;
  return {
    owners,
    rows: [
      acceptedRow(`${id} stands still: the next write is accepted`, stoppedMs, accepted, moveMsMax),
      movedRow('its switches have new owners (weir-epoch)', moveMsMax, moved),
      ownersRow(`owners, as the switches say; ${id}, connected still, is a slave`, world.lab.hosts.size, owners, before),
      within('PUT of a policy that it does not hear of', realizedMsMax, realizedMs, 'realized on every switch after'),
      ...(await ask(world, [probe])),
    ],
  };
}

async function wake(world: ClusterWorld, stale: Member, owners: Owners): Promise<Row[]> {
  const monitor = await monitorFlows(world.lab);
  // It is asked before it goes on: the question waits for it, and what it still believes is as old as can be.
  const listing = stale.api.get<{ items: readonly { metadata: { name: string } }[] }>('/v1/tenants/globex/policies');
  const [{ items }, wokenWallMs] = await Promise.all([listing, thawSoon(world)]);
  const yielded = await yields(stale, wokenWallMs);
  const after = await world.awaitOwners((now) => sameOwners(now, world.shares));
  await delay(afterwardsMs);
  const changes = await monitor.stop();
  await world.api.remove(path);
  const told = yielded.map(({ host, owner }) => `${host} is ${owner}'s`).toSorted();
  const right = yielded.filter(({ host, owner }) => owners.of.get(host) === owner);
  return [
    same(
      'policies that it lists, asked before it went on',
      'the new one too',
      items.some(({ metadata }) => metadata.name === 'no-lab-udp') ? 'the new one too' : 'old ones',
    ),
    {
      what: 'who owns its switches now, as it says itself',
      expected: 'as the switches say',
      seen: told.join(', ') || 'it says nothing',
      ok: yielded.length > 0 && right.length === yielded.length,
    },
    ownersRow('owners, as the switches say, with it again', world.lab.hosts.size, after, owners),
    noFlowRow('flows changed on any switch from SIGCONT on', changes),
  ];
}

/** @returns when, by the wall clock */
async function thawSoon(world: ClusterWorld): Promise<number> {
  await delay(100);
  const nowMs = Date.now();
  world.thaw();
  return nowMs;
}

async function yields({ process }: Member, sinceWallMs: number) {
  const told = await awaited(() => {
    const events = process.events('switch-yielded', sinceWallMs);
    return events.length > 0 ? events : undefined;
  });
  return told ?? [];
}
