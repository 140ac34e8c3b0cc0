import type { CountedRule, RulesAnswer } from '../api/schema/rules.ts';
import { Client } from './client.ts';
import type { TopCommand, UnusedCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import { tableOf, type Terminal } from './terminal.ts';

/** What policies have counted and what they count now: `weir top policies`, and the rules that count nothing: `weir unused`. */

const allRules = '100000';
const betweenSamplesMs = 1_000;
const eraseScreen = '\u001B[H\u001B[J';

const rulesPath = (tenant: string | undefined): string =>
  tenant === undefined ? '/v1/rules' : `/v1/tenants/${encodeURIComponent(tenant)}/rules`;

interface PolicyCounts {
  readonly tenant: string | undefined;
  readonly policy: string;
  packets: number;
  bytes: number;
  connections: number;
  lastHit: string | null;
}

/** One line of the table; rates in a second, undefined before there are two samples. */
interface Row extends PolicyCounts {
  readonly packetRate: number | undefined;
  readonly byteRate: number | undefined;
}

export async function top(command: TopCommand, terminal: Terminal): Promise<ExitCode> {
  const client = new Client(command.connection);
  try {
    let before = await sample(client, command.tenant);
    do {
      await new Promise((resolve) => setTimeout(resolve, betweenSamplesMs));
      const now = await sample(client, command.tenant);
      const rows = rowsOf(before, now, command);
      if (command.json) terminal.print(JSON.stringify(rows));
      else terminal.print(`${command.watch && command.inPlace ? eraseScreen : ''}${tableText(rows, command, now.at, terminal)}`);
      before = now;
    } while (command.watch);
    return 0;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

interface Sample {
  readonly at: string;
  readonly policies: ReadonlyMap<string, PolicyCounts>;
}

async function sample(client: Client, tenant: string | undefined): Promise<Sample> {
  const query = { refresh: 'true', limit: allRules };
  const { at, items } = await client.call<RulesAnswer>({ method: 'GET', path: rulesPath(tenant), query });
  const policies = new Map<string, PolicyCounts>();
  for (const rule of items) {
    const key = `${rule.tenant ?? ''}/${rule.policy}`;
    const sum = policies.get(key) ?? { tenant: rule.tenant, policy: rule.policy, packets: 0, bytes: 0, connections: 0, lastHit: null };
    policies.set(key, sum);
    sum.packets += rule.packets;
    sum.bytes += rule.bytes;
    sum.connections += rule.connections;
    if (rule.lastHit !== null && (sum.lastHit === null || rule.lastHit > sum.lastHit)) sum.lastHit = rule.lastHit;
  }
  return { at, policies };
}

function rowsOf(before: Sample, now: Sample, { sort, limit }: TopCommand): readonly Row[] {
  const seconds = (Date.parse(now.at) - Date.parse(before.at)) / 1000;
  const rows = [...now.policies].map(([key, counts]): Row => {
    const earlier = before.policies.get(key);
    const rate = (field: 'packets' | 'bytes'): number | undefined =>
      earlier && seconds > 0 ? Math.max(0, counts[field] - earlier[field]) / seconds : undefined;
    return { ...counts, packetRate: rate('packets'), byteRate: rate('bytes') };
  });
  const weight = (row: Row): number => (sort === 'rate' ? (row.byteRate ?? 0) : row[sort]);
  return rows.toSorted((a, b) => weight(b) - weight(a) || b.bytes - a.bytes).slice(0, limit);
}

function tableText(rows: readonly Row[], { tenant, sort }: TopCommand, at: string, { colours }: Terminal): string {
  if (rows.length === 0) return 'no policies';
  const head = ['POLICY', 'PACKETS/S', 'BYTES/S', 'PACKETS', 'BYTES', 'CONNECTIONS', 'LAST HIT'];
  const lines = rows.map((row) => {
    const name = tenant === undefined ? `${row.tenant ?? 'platform'}/${row.policy}` : row.policy;
    const busy = (row.packetRate ?? 0) > 0;
    return [
      busy ? colours.green(name) : name,
      scaled(row.packetRate),
      scaled(row.byteRate),
      scaled(row.packets),
      scaled(row.bytes),
      scaled(row.connections),
      row.lastHit === null ? colours.dim('never') : agoText(row.lastHit, Date.parse(at)),
    ];
  });
  return `${colours.dim(`${at}, by ${sort}`)}\n${tableOf(head, lines, colours)}`;
}

/** `weir unused`: what could be taken away, and what is too young to say. Exits with 0 either way. */
export async function unused(command: UnusedCommand, terminal: Terminal): Promise<ExitCode> {
  try {
    const query = { unusedDays: String(command.days), limit: allRules, refresh: 'true' };
    const answer = await new Client(command.connection).call<RulesAnswer>({ method: 'GET', path: rulesPath(command.tenant), query });
    if (command.json) terminal.print(JSON.stringify(answer));
    else printUnused(answer, command, terminal);
    return 0;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

function printUnused({ at, items }: RulesAnswer, { days }: UnusedCommand, { print, colours }: Terminal): void {
  const nowMs = Date.parse(at);
  const table = (rules: readonly CountedRule[]): string =>
    tableOf(
      ['POLICY', 'RULE', 'ACTION', 'LAST HIT', 'COUNTED FOR'],
      rules.map((rule) => [
        `${rule.tenant ?? 'platform'}/${rule.policy}`,
        `${rule.direction} ${rule.rule}`,
        rule.action,
        rule.lastHit === null ? 'never' : agoText(rule.lastHit, nowMs),
        spanText(nowMs - Date.parse(rule.since)),
      ]),
      colours,
    );
  const old = items.filter(({ usage }) => usage === 'unused');
  const young = items.filter(({ usage }) => usage === 'too-young');
  const within = `in ${days} ${days === 1 ? 'day' : 'days'}`;
  print(old.length === 0 ? `no rule was unused ${within}` : `not hit ${within}:\n${table(old)}`);
  if (young.length > 0) print(`\nnot hit yet, but too young to say:\n${table(young)}`);
}

/** Three digits and a unit: `12.3k`. */
function scaled(value: number | undefined): string {
  if (value === undefined) return '-';
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  let left = value;
  let unit = 0;
  while (left >= 999.5 && unit < units.length - 1) {
    left /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(left) : left.toPrecision(3)}${units[unit]}`;
}

const spans = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

function spanText(ms: number): string {
  const [unit, size] = spans.find(([, each]) => ms >= each) ?? ['s', 1_000];
  return `${Math.max(0, Math.floor(ms / size))}${unit}`;
}

const agoText = (at: string, nowMs: number): string => `${spanText(nowMs - Date.parse(at))} ago`;
