import type { History } from '../linearizability/history.ts';
import { reduce } from '../linearizability/reduction.ts';
import { register, type RegisterAction, type RegisterResult } from '../linearizability/register.ts';
import { search } from '../linearizability/search.ts';
import type { KeyRecord, ListRecord, Record } from './record.ts';
import type { Event } from './watcher.ts';

export interface Judgement {
  /** Sentences; none when all is as it should be. */
  readonly faults: readonly string[];
  readonly figures: {
    readonly operations: number;
    readonly acknowledged: number;
    readonly unanswered: number;
    readonly refused: number;
    readonly reads: number;
    readonly undecidedKeys: number;
  };
}

const stepsMax = 300_000;
const toldMax = 12;

/**
 * What clients were told, against what was committed: each acknowledged write once and where it was said to be, each refused one never, each without an
 * answer once at most; lists as the state was at their revision, and never behind what was acknowledged before; and for each document an order of all
 * that was done with it, found without knowledge of what was committed.
 */
export function judge(records: readonly Record[], committed: readonly Event[]): Judgement {
  const writes = records.filter((record): record is KeyRecord => record.kind === 'key' && record.action.kind !== 'get');
  const lists = records.filter((record): record is ListRecord => record.kind === 'list');
  const reads = records.length - writes.length;
  const orders = judgeOrders(records);
  const faults = [...judgeWrites(writes, committed), ...judgeLists(lists, writes, committed), ...orders.faults];
  const count = (holds: (record: KeyRecord) => boolean): number => writes.filter(holds).length;
  return {
    faults: faults.length > toldMax ? [...faults.slice(0, toldMax), `… and ${faults.length - toldMax} more`] : faults,
    figures: {
      operations: records.length,
      acknowledged: count(({ answer }) => answer?.result.kind === 'done'),
      unanswered: count(({ answer }) => answer === undefined),
      refused: count(({ answer }) => answer?.result.kind === 'refused'),
      reads,
      undecidedKeys: orders.undecided,
    },
  };
}

const isDone = ({ answer }: KeyRecord): boolean => answer?.result.kind === 'done';

function judgeWrites(writes: readonly KeyRecord[], committed: readonly Event[]): readonly string[] {
  const puts = Map.groupBy(
    committed.filter(({ kind }) => kind === 'put'),
    ({ key, value }) => `${key} ${value}`,
  );
  const faults: string[] = [];
  for (const write of writes) {
    if (write.action.kind === 'delete' || write.action.kind === 'get') continue;
    const found = puts.get(`${write.key} ${write.action.value}`) ?? [];
    const revisions = found.map(({ revision }) => revision).join(' and ');
    if (found.length > 1) faults.push(`applied twice, at ${revisions}: ${tell(write)}`);
    else if (isDone(write) && found.length === 0) faults.push(`acknowledged and lost: ${tell(write)}`);
    else if (isDone(write) && write.revision === undefined) faults.push(`answered with another's document: ${tell(write)}`);
    else if (isDone(write) && found[0]?.revision !== write.revision)
      faults.push(`acknowledged elsewhere than at ${revisions}: ${tell(write)}`);
    else if (found.length > 0 && write.answer !== undefined && !isDone(write))
      faults.push(`refused, and kept at ${revisions}: ${tell(write)}`);
  }
  return [...faults, ...judgeDeletes(writes, committed)];
}

function judgeDeletes(writes: readonly KeyRecord[], committed: readonly Event[]): readonly string[] {
  const asked = writes.filter(({ action }) => action.kind === 'delete');
  const made = committed.filter(({ kind }) => kind === 'delete');
  const keys = new Set([...asked, ...made].map(({ key }) => key));
  return [...keys].flatMap((key) => {
    const deletes = asked.filter((each) => each.key === key);
    const found = made.filter((each) => each.key === key).length;
    const acknowledged = deletes.filter(isDone).length;
    const unanswered = deletes.filter(({ answer }) => answer === undefined).length;
    if (found >= acknowledged && found <= acknowledged + unanswered) return [];
    return [`${key} was deleted ${found} times; ${acknowledged} deletes were acknowledged, ${unanswered} had no answer`];
  });
}

function judgeLists(lists: readonly ListRecord[], writes: readonly KeyRecord[], committed: readonly Event[]): readonly string[] {
  const byKey = Map.groupBy(committed, ({ key }) => key);
  const known = [
    ...writes.flatMap(({ answer, revision }) => (answer === undefined || revision === undefined ? [] : [{ at: answer.at, revision }])),
    ...lists.map(({ answeredAt, revision }) => ({ at: answeredAt, revision })),
  ].toSorted((one, other) => one.at - other.at);
  const faults: string[] = [];
  let newest = 0;
  let next = 0;
  for (const list of lists.toSorted((one, other) => one.calledAt - other.calledAt)) {
    for (let each = known[next]; each !== undefined && each.at < list.calledAt; each = known[++next])
      newest = Math.max(newest, each.revision);
    const who = `${list.client} was shown revision ${list.revision} by ${list.at}`;
    if (list.revision < newest) faults.push(`a list went back: ${who}, when ${newest} had been told`);
    for (const key of list.keys) {
      const last = byKey.get(key)?.findLast(({ revision }) => revision <= list.revision);
      const expected = last?.kind === 'put' ? `${last.value} at ${last.revision}` : 'nothing';
      const found = list.found.get(key);
      const shown = found === undefined ? 'nothing' : `${found.value} at ${found.revision}`;
      if (shown !== expected)
        faults.push(`a list is not the state at its revision: ${who} with ${shown} for ${key}, where ${expected} was`);
    }
  }
  return faults;
}

interface Orders {
  readonly faults: readonly string[];
  readonly undecided: number;
}

function judgeOrders(records: readonly Record[]): Orders {
  const byKey = Map.groupBy(records.flatMap(operationsOf), ({ key }) => key);
  const faults: string[] = [];
  let undecided = 0;
  for (const [key, history] of byKey) {
    const verdict = search(register, history, stepsMax);
    if (verdict === 'undecided') undecided++;
    if (verdict === 'violated') faults.push(`${key} is not linearizable:\n${tellHistory(reduce(register, history))}`);
  }
  return { faults, undecided };
}

/** A list is a read of each document that there may be. */
function operationsOf(record: Record): readonly KeyRecord[] {
  if (record.kind === 'key') return [record];
  const { client, at, calledAt, answeredAt, found, keys } = record;
  return keys.map((key) => ({
    kind: 'key',
    client,
    key,
    at: [at],
    action: { kind: 'get' },
    calledAt,
    said: 'list',
    answer: { at: answeredAt, result: { kind: 'found', value: found.get(key)?.value } },
    revision: found.get(key)?.revision,
  }));
}

const ms = (time: number): string => time.toFixed(1);

function tell({ client, at, key, action, calledAt, answer, said, revision }: KeyRecord): string {
  const wanted =
    'value' in action ? `${action.kind} ${action.value}${action.kind === 'replace' ? ` for ${action.seen}` : ''}` : action.kind;
  const result =
    answer === undefined ? 'no answer' : answer.result.kind === 'found' ? (answer.result.value ?? 'nothing') : answer.result.kind;
  const where = `${key} at ${at.join(', ')}`;
  const told = revision === undefined ? result : `${result}, revision ${revision}`;
  return `${ms(calledAt)} to ${answer === undefined ? '…' : ms(answer.at)} ms: ${client} ${wanted} ${where}: ${told} (${said})`;
}

function tellHistory(history: History<RegisterAction, RegisterResult>): string {
  return (history as readonly KeyRecord[])
    .toSorted((one, other) => one.calledAt - other.calledAt)
    .map((record) => `    ${tell(record)}`)
    .join('\n');
}

/** What a watcher was told, against everything that there was: no gap, and nothing twice. */
export function judgeWatcher(at: string, told: readonly Event[], expected: readonly Event[]): readonly string[] {
  const differs = expected.findIndex((event, index) => JSON.stringify(event) !== JSON.stringify(told[index]));
  if (differs < 0 && told.length === expected.length) return [];
  const index = differs < 0 ? expected.length : differs;
  const shown = (event: Event | undefined): string =>
    event === undefined ? 'the end' : `${event.kind} ${event.key} ${event.value} at ${event.revision}`;
  return [
    `the watch at ${at} has ${shown(told[index])} where ${shown(expected[index])} is to come, as event ${index} of ${expected.length}`,
  ];
}
