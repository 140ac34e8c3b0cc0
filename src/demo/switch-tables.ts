import type { Lab } from '../lab/index.ts';
import type { Row } from './act.ts';

/** What a switch itself says it holds, read with Open vSwitch's own tools: Weir is not asked. */
export interface SwitchTables {
  /** By what a flow is: table, cookie, priority, match and actions. */
  readonly flows: ReadonlyMap<string, { readonly ageSeconds: number; readonly packets: number }>;
  readonly groups: readonly string[];
  readonly meters: readonly string[];
  /** The switch answered somewhere between the two; on a busy machine they are far apart. */
  readonly askedAtMs: number;
  readonly readAtMs: number;
}

/** The flow without what changes by itself: its age and its counters. */
const flowPattern = /^ (cookie=\S+), duration=([\d.]+)s, (table=\d+), n_packets=(\d+), n_bytes=\d+,(?: \w+_age=\d+,)* (.*)$/;

export async function readTables(lab: Lab, host: string): Promise<SwitchTables> {
  const dump = (what: string): Promise<string> => lab.ofctl(host, ['-O', 'OpenFlow15', what, 'br-int']);
  const askedAtMs = performance.now();
  const [flowText, groupText, meterText] = await Promise.all([dump('dump-flows'), dump('dump-groups'), dump('dump-meters')]);
  const flows = new Map<string, { ageSeconds: number; packets: number }>();
  for (const line of flowText.split('\n')) {
    const [, cookie, age, table, packets, rest] = flowPattern.exec(line) ?? [];
    if (rest !== undefined) flows.set(`${table} ${cookie} ${rest}`, { ageSeconds: Number(age), packets: Number(packets) });
  }
  return { flows, groups: entriesOf(groupText), meters: entriesOf(meterText), askedAtMs, readAtMs: performance.now() };
}

export async function readAllTables(lab: Lab): Promise<ReadonlyMap<string, SwitchTables>> {
  const names = [...lab.hosts.keys()];
  return new Map(await Promise.all(names.map(async (name) => [name, await readTables(lab, name)] as const)));
}

const entriesOf = (text: string): string[] =>
  text
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .toSorted();

/** What is on a switch now and was not before, and the other way round; counters and ages aside. */
export function differences(before: SwitchTables, after: SwitchTables): { readonly gained: string[]; readonly lost: string[] } {
  const everything = ({ flows, groups, meters }: SwitchTables): Set<string> => new Set([...flows.keys(), ...groups, ...meters]);
  const [old, now] = [everything(before), everything(after)];
  return { gained: [...now].filter((entry) => !old.has(entry)), lost: [...old].filter((entry) => !now.has(entry)) };
}

/** Flows of both readings that were written again in between: such a flow's age begins anew. */
function rewritten(before: SwitchTables, after: SwitchTables): string[] {
  const elapsedSeconds = (after.askedAtMs - before.readAtMs) / 1000;
  const roundingSeconds = 0.3;
  return [...after.flows].flatMap(([flow, { ageSeconds, packets }]) => {
    const old = before.flows.get(flow);
    if (!old) return [];
    return ageSeconds < old.ageSeconds + elapsedSeconds - roundingSeconds || packets < old.packets ? [flow] : [];
  });
}

/** That nobody has written to any switch in between. */
export function unchangedRows(before: ReadonlyMap<string, SwitchTables>, after: ReadonlyMap<string, SwitchTables>): Row[] {
  const pairs = [...before].flatMap(([host, old]) => {
    const now = after.get(host);
    return now ? [{ old, now }] : [];
  });
  const changed = pairs.flatMap(({ old, now }) => [...differences(old, now).gained, ...differences(old, now).lost]);
  const younger = pairs.flatMap(({ old, now }) => rewritten(old, now));
  const flows = pairs.reduce((sum, { now }) => sum + now.flows.size, 0);
  return [
    { what: 'flows, groups and meters added or gone', expected: 'none', seen: changed[0] ?? 'none', ok: changed.length === 0 },
    {
      what: 'flows younger than before',
      expected: 'none',
      seen: younger[0] ?? `none of ${flows}`,
      ok: younger.length === 0 && flows > 0,
    },
  ];
}
