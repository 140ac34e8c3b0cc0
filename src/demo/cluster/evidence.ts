import { delay, type Row, same, spell, within } from '../act.ts';
import type { Member } from './member.ts';
import { ownedBy, ownerLines, type Owners } from './owners.ts';
import type { ClusterWorld } from './world.ts';

/** Each switch has exactly one owner, and says so itself. */
export function ownersRow(what: string, hosts: number, owners: Owners, before?: Owners): Row {
  return {
    what,
    expected: `one for each of ${hosts}`,
    seen: owners.wrong[0] ?? `one for each of ${owners.of.size}`,
    ok: owners.wrong.length === 0 && owners.of.size === hosts,
    details: ownerLines(owners, before),
  };
}

export const sharesOf = (owners: Owners, ids: readonly string[]): string =>
  ids.map((id) => `${id}: ${ownedBy(owners, id).join(' ') || 'none'}`).join(', ');

/** Nothing that was acknowledged is lost, or other than it was left. */
export async function ledgerRow(world: ClusterWorld, at: readonly Member[]): Promise<Row> {
  const audits = await Promise.all(at.map(async (member) => ({ id: member.id, ...(await world.ledger.auditAt(member)) })));
  const trouble = audits.flatMap(({ id, missing, altered, disordered }) => [
    ...missing.map((name) => `${name} is missing at ${id}`),
    ...altered.map((name) => `${name} is another at ${id}`),
    ...disordered.map((name) => `${name} is out of order`),
  ]);
  const least = Math.min(...audits.map(({ acknowledged }) => acknowledged));
  return {
    what: `writes acknowledged so far, read at ${at.map(({ id }) => id).join(' and ')}`,
    expected: 'all there, as acknowledged',
    seen: trouble.length === 0 ? `all of ${least}` : `${trouble.length} are not: ${trouble[0]}`,
    ok: trouble.length === 0 && least > 0,
  };
}

/** Nobody has written a flow to any switch. */
export function noFlowRow(what: string, changes: readonly string[]): Row {
  return same(what, 'none', changes.length === 0 ? 'none' : `${changes.length}: ${changes[0]?.trim()}`);
}

/** Switches by the time at which their databases told of a new owner. */
export interface Moved {
  readonly hosts: readonly string[];
  /** Undefined: not all of them in time. */
  readonly elapsedMs: number | undefined;
}

/** @param before the hosts, each with the epoch of its owner so far */
export async function awaitMoved(
  world: ClusterWorld,
  before: ReadonlyMap<string, number>,
  sinceMs: number,
  timeoutMs: number,
): Promise<Moved> {
  const hosts = [...before.keys()];
  for (;;) {
    const raised = [...before].map(([host, epoch]) => world.epochs.raisedAbove(host, epoch)?.atMs);
    if (raised.every((atMs) => atMs !== undefined)) return { hosts, elapsedMs: Math.max(...raised) - sinceMs };
    if (performance.now() - sinceMs > timeoutMs) return { hosts, elapsedMs: undefined };
    await delay(5);
  }
}

export function movedRow(what: string, limitMs: number, { hosts, elapsedMs }: Moved): Row {
  const expected = `within ${spell(limitMs)}`;
  if (hosts.length === 0 || elapsedMs === undefined) return { what, expected, seen: `not all of: ${hosts.join(', ')}`, ok: false };
  return within(what, limitMs, elapsedMs, `${hosts.join(', ')} after`);
}

/** What the new owners say of the switches that they read and compared: nothing was to be sent. */
export function resyncRow(world: ClusterWorld, hosts: readonly string[], sinceWallMs: number): Row {
  const told = world.present.flatMap(({ id, process }) => process.events('resynced', sinceWallMs).map((event) => ({ id, ...event })));
  const resyncs = told.filter(({ host }) => hosts.includes(host));
  return {
    what: 'flows that the new owners say they sent',
    expected: '0 to each switch',
    seen: resyncs.map(({ id, host, flowsSent }) => `${id}: ${flowsSent} to ${host}`).join(', ') || 'they say nothing',
    ok:
      hosts.length > 0 &&
      hosts.every((host) => resyncs.some((each) => each.host === host)) &&
      resyncs.every(({ flowsSent }) => flowsSent === 0),
  };
}
