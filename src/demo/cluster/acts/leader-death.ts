import { type Act, delay, type Row, spell } from '../../act.ts';
import { monitorFlows } from '../../flow-monitor.ts';
import { startTraffic } from '../../passing.ts';
import { readAllTables, unchangedRows } from '../../switch-tables.ts';
import type { Acknowledged } from '../ledger.ts';
import { awaitMoved, ledgerRow, movedRow, noFlowRow, ownersRow, resyncRow } from '../evidence.ts';
import { ownedBy } from '../owners.ts';
import type { ClusterWorld } from '../world.ts';

const writeMsMax = 1000;
const moveMsMax = 3000;
/** Longer than either may take. */
const patienceMs = 30_000;

export const leaderDeath: Act<ClusterWorld> = {
  title: 'The leader is killed with kill -9, under pings and an open TCP connection',
  async play(world, note) {
    const { leader } = await world.awaitLeader();
    const before = await world.awaitOwners();
    const epochs = new Map(ownedBy(before, leader).map((host) => [host, world.epochs.of(host)]));
    const tables = await readAllTables(world.lab);
    const monitor = await monitorFlows(world.lab);
    const traffic = await startTraffic(world);
    await delay(500);
    const { process } = world.member(leader);
    note(`kill -9 ${process.pid}: ${leader}, which has ${[...epochs.keys()].join(' and ')}`);
    const [killedMs, killedWallMs] = [performance.now(), Date.now()];
    await process.kill();
    const [accepted, moved] = await Promise.all([
      world.ledger.acceptedAfter(killedMs, patienceMs),
      awaitMoved(world, epochs, killedMs, patienceMs),
    ]);
    note('asking the switches');
    const after = await world.awaitOwners();
    const [passed, changes] = await Promise.all([traffic.stop(), monitor.stop()]);
    return [
      acceptedRow(`${leader} is dead: the next write is accepted`, killedMs, accepted),
      movedRow(`its switches have new owners (weir-epoch)`, moveMsMax, moved),
      ownersRow('owners, as the switches say', world.lab.hosts.size, after, before),
      noFlowRow('flows changed on any switch, as flow monitors tell', changes),
      ...unchangedRows(tables, await readAllTables(world.lab)),
      resyncRow(world, moved.hosts, killedWallMs),
      ...passed,
      await ledgerRow(world, world.present),
    ];
  },
};

export function acceptedRow(what: string, sinceMs: number, accepted: Acknowledged | undefined, limitMs = writeMsMax): Row {
  const expected = `within ${spell(limitMs)}`;
  if (!accepted) return { what, expected, seen: 'none is', ok: false };
  const elapsedMs = accepted.answeredMs - sinceMs;
  const seen = `after ${spell(elapsedMs)} at ${accepted.at}, as revision ${accepted.revision}`;
  return { what, expected, seen, ok: elapsedMs <= limitMs, isPace: true };
}
