import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { parseArgs } from 'node:util';
import { actionBits, Classifier, ends, outcomes, question } from '../../policies/classifier/index.ts';
import type { Direction } from '../../policies/compiled.ts';
import type { Change } from '../../policies/index.ts';
import type { Document } from '../../policies/model/kinds.ts';
import { classBench, filterKinds, filterTenant } from '../workloads/class-bench.ts';
import type { Filter, FilterCloud, FilterKind } from '../workloads/class-bench.ts';
import type { MemoryDocuments } from '../workloads/documents.ts';
import { Random } from '../workloads/random.ts';
import { CloudTrace } from '../workloads/cloud-trace.ts';
import { referenceCloud } from '../workloads/reference-cloud.ts';
import { measureHttp } from './decide-http.ts';

/**
 * The classifier: `node --expose-gc bench/micro/decide.ts [--rules 10000,100000] [--kinds acl,fw,ipc,cloud,http]`. Every question is a tuple with both addresses to be looked up;
 * traces are uniform over the rules and no question is asked twice in the time that counts; a second trace asks for rules by their popularity (Zipf). There is no cache: each
 * answer is decided. A linear scan of the same filters checks the answers.
 */
interface Trace {
  /** Writes the next question. */
  next(words: Int32Array, at: number): void;
  /** What the words at `at` must be answered: as `Classifier.rule` names rules, or an outcome. */
  scan(words: Int32Array, at: number): readonly [string | number, string | number];
}

const threads = 2;
const questionsPerThread = 1_000_000;
const questionsWarm = 200_000;
const updates = 2000;

type Report = (
  name: string,
  metric: string,
  unit: string,
  value: number,
  n: number,
  more?: { readonly p99?: number; readonly ratio?: number },
) => void;

const report: Report = (name, metric, unit, value, n, more = {}) =>
  console.log(JSON.stringify({ bench: 'decide', case: name, metric, unit, value: Number(value.toPrecision(4)), ...more, n }));

async function measure(
  name: string,
  documents: MemoryDocuments,
  make: (classifier: Classifier, isSkewed: boolean) => Trace,
  scanned: number,
): Promise<void> {
  const heapBefore = heapUsed();
  const compileStarted = performance.now();
  const classifier = new Classifier(documents, 1);
  const compileMs = performance.now() - compileStarted;
  const lanesStarted = performance.now();
  let stepMsMax = 0;
  let stepStarted = lanesStarted;
  classifier.work(() => {
    const now = performance.now();
    stepMsMax = Math.max(stepMsMax, now - stepStarted);
    stepStarted = now;
    return false;
  });
  const lanesMs = performance.now() - lanesStarted;
  const heapAfter = heapUsed();
  const { rules, groupSets, bytesUsed, lanes } = classifier.size;
  report(name, 'compiled', 'ms', compileMs, rules);
  report(name, 'shared-memory', 'MB', bytesUsed / 2 ** 20, groupSets);
  report(name, 'rules decided by vectors', 'rules', lanes.rules, lanes.tables);
  report(name, 'shared-memory of vectors', 'MB', lanes.bytes / 2 ** 20, lanes.tables);
  report(name, 'vectors built', 'ms', lanesMs, lanes.rules);
  report(name, 'vectors built, longest step', 'ms', stepMsMax, lanes.rules);
  report(name, 'heap', 'MB', (heapAfter - heapBefore) / 2 ** 20, rules);
  const trace = make(classifier, false);
  const alone = await decideOn(classifier, trace, 1);
  const together = await decideOn(classifier, trace, threads);
  const scan = checkByScan(classifier, trace, together, scanned);
  report(name, 'decisions, one thread', '1/s', alone.perSecond, questionsPerThread, { ratio: round(alone.perSecond / scan.perSecond) });
  report(name, `decisions, ${threads} threads`, '1/s', together.perSecond, questionsPerThread * threads, {
    ratio: round(together.perSecond / scan.perSecond),
  });
  report(name, 'CPU of a decision, one thread', 'ns', alone.cpuNs, questionsPerThread);
  report(name, `CPU of a decision, ${threads} threads`, 'ns', together.cpuNs, questionsPerThread * threads);
  report(name, 'answers checked by a linear scan', 'answers', scan.checked, scan.checked);
  report(name, 'linear scan', '1/s', scan.perSecond, scan.checked);
  const skewed = await decideOn(classifier, make(classifier, true), threads);
  report(name, `decisions, ${threads} threads, skewed`, '1/s', skewed.perSecond, questionsPerThread * threads, {
    ratio: round(skewed.perSecond / scan.perSecond),
  });
  report(name, 'cache hits', 'hits', 0, questionsPerThread * threads);
  single(name, classifier, trace);
  update(name, classifier, documents);
  if (lanes.rules > 0) rebuild(name, classifier);
}

const round = (value: number): number => Number(value.toPrecision(3));

interface Decided {
  readonly perSecond: number;
  /** Of one thread, for one decision. */
  readonly cpuNs: number;
  readonly blocks: readonly { readonly questions: Int32Array; readonly answers: Int32Array }[];
}

async function decideOn(classifier: Classifier, trace: Trace, count: number): Promise<Decided> {
  const questionsOf = (length: number): Int32Array<SharedArrayBuffer> => {
    const words = new Int32Array(new SharedArrayBuffer(length * question.size * 4));
    for (let index = 0; index < length; index++) trace.next(words, index * question.size);
    return words;
  };
  const blocks = Array.from({ length: count }, () => ({
    warm: questionsOf(questionsWarm),
    questions: questionsOf(questionsPerThread),
    answers: new Int32Array(new SharedArrayBuffer(questionsPerThread * 8)),
  }));
  const workers = blocks.map(({ warm, questions, answers }) => {
    const workerData = { classifier: classifier.memory, warm: warm.buffer, trace: questions.buffer, answers: answers.buffer };
    return new Worker(new URL('decide-thread.ts', import.meta.url), { workerData });
  });
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const times = workers.map(
    (worker) => once(worker, 'message') as Promise<[{ readonly started: number; readonly ended: number; readonly cpuUs: number }]>,
  );
  for (const worker of workers) worker.postMessage('go', []);
  const spans = (await Promise.all(times)).map(([span]) => span);
  const elapsedMs = Math.max(...spans.map(({ ended }) => ended)) - Math.min(...spans.map(({ started }) => started));
  const cpuNs = (spans.reduce((sum, { cpuUs }) => sum + cpuUs, 0) * 1000) / (count * questionsPerThread);
  return { perSecond: (count * questionsPerThread * 1000) / elapsedMs, cpuNs, blocks };
}

/** The first questions of each block, by the linear scan, against what the threads answered. */
function checkByScan(
  classifier: Classifier,
  trace: Trace,
  { blocks }: Decided,
  wanted: number,
): { readonly perSecond: number; readonly checked: number } {
  const perBlock = Math.min(questionsPerThread, Math.ceil(wanted / blocks.length));
  const scanned: (readonly [string | number, string | number])[] = [];
  const started = performance.now();
  for (const { questions } of blocks)
    for (let index = 0; index < perBlock; index++) scanned.push(trace.scan(questions, index * question.size));
  const elapsedMs = performance.now() - started;
  const told = (outcome: number): string | number => {
    if (outcome < 0) return outcome;
    const rule = classifier.rule(outcome >>> actionBits);
    return `${rule?.owner}/${rule?.policy}/${rule?.index}`;
  };
  for (const [position, block] of blocks.entries()) {
    for (let index = 0; index < perBlock; index++) {
      const answer = [told(block.answers[index * 2] ?? 0), told(block.answers[index * 2 + 1] ?? 0)];
      const expected = scanned[position * perBlock + index] ?? [];
      if (answer[0] !== expected[0] || answer[1] !== expected[1]) {
        const words = block.questions.subarray(index * question.size, (index + 1) * question.size).join(' ');
        throw new Error(`question ${words}: the classifier says ${answer.join()}, the scan ${expected.join()}`);
      }
    }
  }
  return { perSecond: (scanned.length * 1000) / elapsedMs, checked: scanned.length };
}

/** What the last update left to do. */
function rebuild(name: string, classifier: Classifier): void {
  const started = performance.now();
  classifier.work();
  report(name, 'vectors built again', 'ms', performance.now() - started, classifier.size.lanes.rules);
}

/** One decision at a time, the clock's own time included. */
function single(name: string, classifier: Classifier, trace: Trace): void {
  const reader = classifier.reader();
  const words = new Int32Array(question.size);
  const answers = new Int32Array(2);
  const times: number[] = [];
  for (let count = 0; count < 300_000; count++) {
    trace.next(words, 0);
    const started = process.hrtime();
    reader.decide(words, 1, answers);
    const [seconds, nanoseconds] = process.hrtime(started);
    if (count >= 100_000) times.push(seconds * 1e9 + nanoseconds);
  }
  const { middle, p99 } = quantiles(times);
  report(name, 'one decision', 'ns', middle, times.length, { p99 });
}

/** A rule's verdict and one of its addresses changed, and then changed back, policy after policy. */
function update(name: string, classifier: Classifier, documents: MemoryDocuments): void {
  const policies = [...documents.list('Policy')].map(({ document }) => document).filter(({ spec }) => spec.ingress.length > 0);
  const times: number[] = [];
  for (let count = 0; count < updates; count++) {
    const original = policies[(Math.floor(count / 2) * 7919) % policies.length];
    if (original === undefined) throw new Error('there is no policy to change');
    const change: Change = { documents: [{ id: documents.put(count % 2 === 0 ? changed(original, count) : original) }], numbers: [] };
    const started = performance.now();
    classifier.update(change, documents, count + 2);
    times.push((performance.now() - started) * 1000);
  }
  const { middle, p99 } = quantiles(times);
  report(name, 'update of one rule', 'us', middle, times.length, { p99 });
}

type Policy = Extract<Document, { kind: 'Policy' }>;

function changed(policy: Policy, count: number): Policy {
  const [first, ...rest] = policy.spec.ingress;
  if (first === undefined) return policy;
  const peers = count % 4 === 0 ? { peers: [{ kind: 'cidr' as const, cidr: `203.0.${count & 255}.0/24`, except: [] }] } : {};
  const action = first.action === 'allow' ? 'deny' : 'allow';
  return { ...policy, spec: { ...policy.spec, ingress: [{ ...first, action, ...peers }, ...rest] } };
}

function quantiles(times: readonly number[]): { readonly middle: number; readonly p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toPrecision(4));
  return { middle: at(0.5), p99: at(0.99) };
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/**
 * Packets for a filter chosen at random, one in ten with another port. Both ends are to be looked up: the receiver is an interface, the sender one in four out of five, where
 * the filter's source has any.
 */
class FilterTrace implements Trace {
  private readonly random = new Random(7);
  private readonly cloud: FilterCloud;
  private readonly domain: number;
  private readonly isSkewed: boolean;
  private readonly scans: Readonly<Record<Direction, LinearScan>>;

  constructor(cloud: FilterCloud, classifier: Classifier, isSkewed: boolean) {
    this.cloud = cloud;
    this.isSkewed = isSkewed;
    const [first = 0] = cloud.addresses;
    this.domain = classifier.interfaces.addresses.of({ family: 4, value: BigInt(first) })[0]?.domain ?? -1;
    const scanOf = (direction: Direction) => new LinearScan(cloud.filters.filter((filter) => filter.direction === direction));
    this.scans = { egress: scanOf('egress'), ingress: scanOf('ingress') };
  }

  next(words: Int32Array, at: number): void {
    const { random, cloud } = this;
    const { source, destination, protocol, ports } = this.choose();
    const senders = random.chance(0.8) ? cloud.inside(source) : [];
    const receivers = cloud.inside(destination);
    const noise = Math.floor(random.next() * 2 ** 32);
    const anyone =
      source.length === 0 ? (noise & 0x3fffffff) | 0x40000000 : source.value | (source.length === 32 ? 0 : noise >>> source.length);
    words[at + question.domain] = this.domain;
    words[at + question.protocol] = protocol === 0 ? (random.chance(0.5) ? 6 : 17) : protocol;
    words[at + question.port] =
      protocol === 1 ? 8 * 256 : random.chance(0.1) ? random.integer(0, 65_535) : random.integer(ports[0], ports[1]);
    words[at + question.family] = 4;
    words[at + question.from] = ends.find;
    words[at + question.to] = ends.find;
    words[at + question.source] = random.pick(senders) ?? anyone;
    words[at + question.destination] = random.pick(receivers) ?? 0;
  }

  scan(words: Int32Array, at: number): readonly [string | number, string | number] {
    const { addresses } = this.cloud;
    const source = words[at + question.source]! >>> 0;
    const destination = words[at + question.destination]! >>> 0;
    return [
      addresses.has(source) ? this.scans.egress.first(words, at) : outcomes.none,
      addresses.has(destination) ? this.scans.ingress.first(words, at) : outcomes.none,
    ];
  }

  private choose(): Filter {
    const { random } = this;
    const { filters } = this.cloud;
    const position = this.isSkewed ? random.popular(filters.length) : random.integer(0, filters.length - 1);
    // What is popular stands anywhere in the order.
    return filters[(position * 7919) % filters.length]!;
  }
}

/** One filter after the other, in typed columns. */
class LinearScan {
  private readonly filters: readonly Filter[];
  private readonly columns: Int32Array;

  constructor(filters: readonly Filter[]) {
    this.filters = filters;
    const mask = (length: number): number => (length === 0 ? 0 : -1 << (32 - length));
    this.columns = new Int32Array(
      filters.flatMap(({ source, destination, protocol, ports: [first, last] }) => [
        source.value,
        mask(source.length),
        destination.value,
        mask(destination.length),
        protocol,
        first,
        last,
      ]),
    );
  }

  first(words: Int32Array, at: number): string | number {
    const { columns } = this;
    const source = words[at + question.source]!;
    const destination = words[at + question.destination]!;
    const protocol = words[at + question.protocol]!;
    const port = words[at + question.port]!;
    for (let row = 0, index = 0; row < columns.length; row += 7, index++) {
      if ((source & columns[row + 1]!) !== columns[row]! || (destination & columns[row + 3]!) !== columns[row + 2]!) continue;
      if (columns[row + 4] !== 0 && columns[row + 4] !== protocol) continue;
      if (port < columns[row + 5]! || port > columns[row + 6]!) continue;
      const filter = this.filters[index]!;
      return `${filterTenant}/${filter.policy}/${filter.rule}`;
    }
    return outcomes.denied;
  }
}

const { values } = parseArgs({
  options: {
    rules: { type: 'string', default: '10000,100000' },
    kinds: { type: 'string', default: [...filterKinds, 'cloud', 'http'].join() },
    json: { type: 'boolean' },
  },
});
for (const kind of values.kinds.split(',')) {
  if (kind === 'http') {
    await measureHttp([1000, 10_000], ({ batch, perSecond, questions, batchMs, loopDelayMs }) => {
      const name = `HTTP, ${batch} a batch`;
      report(name, 'decisions', '1/s', perSecond, questions);
      report(name, 'one batch', 'ms', batchMs.middle, questions / batch, { p99: batchMs.p99 });
      report(name, 'event loop delayed, worst', 'ms', loopDelayMs.worst, questions / batch, { p99: loopDelayMs.p99 });
    });
    continue;
  }
  if (kind === 'cloud') {
    const { documents, counts } = referenceCloud({ seed: 1, scale: 1, placement: 'packed' });
    await measure(
      `reference cloud, ${counts.interfaces} interfaces`,
      documents,
      (classifier, isSkewed) => new CloudTrace(documents, classifier, isSkewed),
      100_000,
    );
    continue;
  }
  for (const rules of values.rules.split(',').map(Number)) {
    const cloud = classBench({ seed: 1, kind: kind as FilterKind, rules });
    if (cloud.filters.length < rules * 0.99) throw new Error(`${cloud.filters.length} filters are too few`);
    await measure(
      `${kind}, ${rules} rules`,
      cloud.documents,
      (classifier, isSkewed) => new FilterTrace(cloud, classifier, isSkewed),
      1_000_000_000 / rules,
    );
  }
}
