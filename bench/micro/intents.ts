import { parseArgs } from 'node:util';
import { compileMeaning, conflictsOf, echo, understand } from '../../policies/intents/index.ts';
import type { Comparable } from '../../policies/intents/index.ts';
import type { World } from '../../policies/selectors/index.ts';
import { Random } from '../workloads/random.ts';
import { referenceCloud } from '../workloads/reference-cloud.ts';
import type { Figure } from '../figure.ts';

/**
 * Intents on the reference cloud: `node bench/micro/intents.ts [--json]`. Each is read by the grammar, its names are looked up among the groups and
 * labels of its tenant, it is compiled and echoed; nothing is kept from one to the next. No two sentences that follow each other are alike.
 */
type Result = Figure<'intents'>;

const sentencesMeasured = 40_000;
const warmUp = 4_000;

const cloud = referenceCloud({ seed: 1, scale: 1, placement: 'packed' });
const world: World = cloud.documents;
const random = new Random(7);

interface Said {
  readonly tenant: string;
  readonly text: string;
}

const groupsOf = (tenant: string): readonly string[] =>
  [...world.list('Group', tenant)].flatMap(({ document: { metadata, spec } }) =>
    spec.members.kind === 'selector' ? [`group ${metadata.name}`] : [],
  );

/** Sentences of every form; `parties`: what a tenant calls those it means. */
function sentences(count: number, parties: (tenant: string) => readonly string[]): readonly Said[] {
  const tenants = [...world.list('Tenant')].map(({ document }) => document.metadata.name).filter((tenant) => parties(tenant).length > 1);
  const known = new Map(tenants.map((tenant) => [tenant, parties(tenant)]));
  return Array.from({ length: count }, () => {
    const tenant = random.pick(tenants) ?? '';
    const party = (): string => random.pick(known.get(tenant) ?? []) ?? 'anywhere';
    const service = random.pick(['postgresql', 'https', 'tcp 8080', 'udp 5000-5010 and dns', 'everything']);
    const text = random.pick([
      `allow ${party()} to reach ${party()} on ${service}`,
      `deny everything from ${party()} to ${party()} except https and ping`,
      `isolate ${party()} from ${party()}`,
      `limit ${party()} to ${random.integer(1, 900)} Mbit/s between 02:00 and 06:00`,
      `let ${party()} reach the internet on https only`,
    ]);
    return { tenant, text };
  });
}

function compileOne({ tenant, text }: Said, index: number): number {
  const understood = understand(text, tenant, world);
  if (!understood.ok) throw new Error(`"${text}": ${understood.problems[0]?.detail}`);
  const documents = compileMeaning(understood.meaning, `i${index}`, 500);
  return documents.length + echo(understood.meaning, tenant, world).length;
}

function measureCompile(name: string, parties: (tenant: string) => readonly string[]): Result {
  const said = sentences(sentencesMeasured + warmUp, parties);
  said.slice(0, warmUp).forEach(compileOne);
  const times: number[] = [];
  const startedMs = performance.now();
  let last = startedMs;
  for (const [index, each] of said.slice(warmUp).entries()) {
    compileOne(each, index);
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  const perSecond = (sentencesMeasured * 1000) / (last - startedMs);
  times.sort((a, b) => a - b);
  const p99Us = (times[Math.floor(times.length * 0.99)] ?? 0) * 1000;
  return { bench: 'intents', case: name, metric: 'compiled', unit: 'intents/s', value: perSecond, p99: p99Us, n: sentencesMeasured };
}

function finish<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** All pairs among the intents of one tenant, as a list of them asks for. */
function measureConflicts(count: number): readonly Result[] {
  const [tenant = ''] = [...world.list('Tenant')].map(({ document }) => document.metadata.name).filter((name) => groupsOf(name).length > 2);
  const intents = sentences(count * 400, (name) => (name === tenant ? groupsOf(name) : []))
    .slice(0, count)
    .flatMap(({ text }, index): readonly Comparable[] => {
      const understood = understand(text, tenant, world);
      return understood.ok ? [{ name: `i${index}`, order: 500, meaning: understood.meaning }] : [];
    });
  const startedMs = performance.now();
  const found = finish(conflictsOf(intents, intents, tenant, world)).reduce((sum, each) => sum + each.length, 0);
  const elapsedMs = performance.now() - startedMs;
  const common = { bench: 'intents', case: `${intents.length} intents of one tenant`, n: intents.length } as const;
  return [
    { ...common, metric: 'conflicts-among-all', unit: 'ms', value: elapsedMs },
    { ...common, metric: 'conflicts-told', unit: 'conflicts', value: found },
  ];
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const labels = ['tier=web', 'tier=db', 'tier=app', 'tier=cache'];
const results = [
  measureCompile('groups', groupsOf),
  measureCompile('labels', () => labels),
  measureCompile('phrases', (tenant) => groupsOf(tenant).map((name) => `${name.replace('group ', '').replaceAll('-', ' ')} servers`)),
  ...measureConflicts(100),
  ...measureConflicts(1000),
];
for (const result of results) {
  const rounded = {
    ...result,
    value: Math.round(result.value * 100) / 100,
    ...(result.p99 !== undefined && { p99: Math.round(result.p99 * 100) / 100 }),
  };
  if (values.json) console.log(JSON.stringify(rounded));
  else
    console.log(
      `${rounded.case}  ${rounded.metric}: ${rounded.value} ${rounded.unit}${rounded.p99 === undefined ? '' : `, p99 ${rounded.p99} us`}`,
    );
}
