import type { PlanAnswer } from '../api/schema/plan.ts';
import { conflictText, few, ruleText, section, shadowText } from './findings-text.ts';
import { tableOf, type Terminal } from './terminal.ts';

type Colours = Terminal['colours'];
type Row = PlanAnswer['connectivity']['items'][number];
type End = Row['from'][number];

/** So many rows or findings are printed in one place; `--json` has them all. */
const rowsShownMax = 100;

/** What a plan says beside the documents themselves, section by section; nothing for what does not change. */
export function* planText(answer: PlanAnswer, colours: Colours, nowMs: number): Iterable<string> {
  const { connectivity, shadowed, conflicts, flows, quota } = answer;
  yield* section('connections', connectivityLines(connectivity, colours, nowMs), colours);
  yield* section('new conflicts', findingLines(conflicts, conflictText, colours), colours);
  yield* section('rules that never decide any more', findingLines(shadowed, shadowText, colours), colours);
  yield* section('flows', flowLines(flows, colours), colours);
  yield* section('quota', quotaLines(quota, colours), colours);
}

export function planSummary({ changes, connectivity, revision }: PlanAnswer, colours: Colours): string {
  if (changes === 0) return colours.green('nothing would change') + colours.dim(`; revision ${revision}`);
  const count = (change: Row['change']): number => connectivity.items.filter((row) => row.change === change).length;
  const cut = connectivity.items.filter(({ traffic }) => traffic).length;
  const [gains, loses] = [count('gains'), count('loses')];
  const parts = [
    `${changes} ${changes === 1 ? 'document' : 'documents'} would change`,
    gains + loses === 0 ? 'no connections do' : `connections: ${gains} gained, ${loses} lost`,
    ...(cut === 0 ? [] : [colours.red(`${cut} of them carry traffic`)]),
  ];
  return `${parts.join('; ')}${colours.dim(`; nothing was stored, revision ${revision}`)}`;
}

function connectivityLines({ items, complete }: PlanAnswer['connectivity'], colours: Colours, nowMs: number): readonly string[] {
  const lines = items.slice(0, rowsShownMax).flatMap((row) => {
    const paint = row.change === 'gains' ? colours.green : colours.red;
    const family = row.family === undefined ? '' : colours.dim(` over IPv${row.family}`);
    const cut = row.cut === true ? colours.yellow(' (not all of it is listed)') : '';
    const head = `${paint(row.change === 'gains' ? '+ gains' : '- loses')}  ${endsText(row.from)} → ${endsText(row.to)}  ${colours.bold(few(row.services, ' '))}${family}${cut}`;
    return row.traffic ? [head, `          ${colours.red(trafficText(row.traffic, nowMs))}`] : [head];
  });
  return [...lines, ...restOf(items.length - rowsShownMax, complete, colours)];
}

function restOf(more: number, complete: boolean, colours: Colours): readonly string[] {
  return [
    ...(more > 0 ? [colours.dim(`… and ${more} more: --json has them`)] : []),
    ...(complete ? [] : [colours.yellow('this is not all: there is more than is listed for one question')]),
  ];
}

const endsText = (ends: readonly End[]): string => few(ends.map(endText), ', ');

function endText(end: End): string {
  switch (end.kind) {
    case 'tenant':
      return `all of ${end.tenant}`;
    case 'group':
      return `group ${end.tenant}/${end.group}`;
    case 'interface':
      return `${end.tenant}/${end.vm}/${end.interface}${end.address === undefined ? '' : ` (${end.address})`}`;
    case 'addresses':
      return `outside ${few(end.cidrs, ', ')}${end.except.length === 0 ? '' : ` except ${few(end.except, ', ')}`}`;
    case 'another-tenant':
      return 'another tenant';
  }
}

function trafficText({ packets, lastHit, rules }: NonNullable<Row['traffic']>, nowMs: number): string {
  const when = lastHit === undefined ? '' : `, the last ${agoText(nowMs - Date.parse(lastHit))}`;
  return `carries traffic and would be cut: ${packets.toLocaleString('en')} packets${when}, by ${few(rules.map(ruleText), ', ')}`;
}

function agoText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}

function findingLines<T>(
  { items, complete }: { readonly items: readonly T[]; readonly complete: boolean },
  text: (item: T) => string,
  colours: Colours,
): readonly string[] {
  const lines = items.slice(0, rowsShownMax).map((item) => `${colours.yellow('!')} ${text(item)}`);
  return [...lines, ...restOf(items.length - rowsShownMax, complete, colours)];
}

function flowLines({ hosts, complete }: PlanAnswer['flows'], colours: Colours): readonly string[] {
  const rows = hosts
    .slice(0, rowsShownMax)
    .map(({ host, before, after, gained, lost }) => [
      host,
      before === undefined ? '-' : String(before),
      after === undefined ? '-' : String(after),
      colours.green(`+${gained}`),
      colours.red(`-${lost}`),
    ]);
  const table = rows.length === 0 ? [] : tableOf(['HOST', 'NOW', 'AFTER', 'GAINED', 'LOST'], rows, colours).split('\n');
  const more = hosts.length - rowsShownMax;
  return [
    ...table,
    ...(more > 0 ? [colours.dim(`… and ${more} more hosts: --json has them`)] : []),
    ...(complete ? [] : [colours.yellow('not counted: more would have to be compiled than is done for one question')]),
  ];
}

function quotaLines(quota: PlanAnswer['quota'], colours: Colours): readonly string[] {
  if (quota.length === 0) return [];
  const rows = quota.map(({ tenant, name, before, after, limit }) => [
    tenant,
    name === 'flows' ? 'flows (bound)' : name,
    String(before),
    String(after),
    limit === undefined ? '-' : String(limit),
  ]);
  return tableOf(['TENANT', 'WHAT', 'NOW', 'AFTER', 'LIMIT'], rows, colours).split('\n');
}
