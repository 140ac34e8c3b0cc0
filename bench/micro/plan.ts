import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openStore } from '../../cluster/index.ts';
import type { Document } from '../../policies/model/index.ts';
import { presentSpec } from '../../policies/model/index.ts';
import { openAdmission } from '../../src/admission/index.ts';
import type { Admission, Write } from '../../src/admission/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openPlan } from '../../src/inquiry/plan/plan.ts';
import type { Plan, Planned, PlanTimings } from '../../src/inquiry/ports.ts';
import { Random } from '../workloads/random.ts';
import { referenceCloud } from '../workloads/reference-cloud.ts';
import type { Figure } from '../figure.ts';

/**
 * `plan` on the reference cloud, as the server asks it, with the cloud in a store: `node bench/micro/plan.ts [--scale 1] [--only WORDS] [--json]`.
 * `stall`: the longest time in a plan that nothing else could run. No switch is asked for counters. The parts are medians.
 */
type Result = Figure<'plan'>;

interface Case {
  readonly name: string;
  readonly count: number;
  readonly writes: (random: Random) => readonly Write[];
}

async function run(scale: number, only: string, report: (result: Result) => void): Promise<void> {
  const cloud = referenceCloud({ seed: 1, scale, placement: 'packed' });
  const directory = await mkdtemp(join(tmpdir(), 'weir-bench-plan-'));
  const store = await openStore({ directory, clock: systemClock, retentionMs: 3_600_000 });
  const admission = await openAdmission({ store, clock: systemClock, random: systemRandom });
  try {
    await load(admission, cloud.documents);
    const counters = { ofRules: async () => new Map(), refresh: async () => undefined };
    const plan = openPlan({ admission, read: { hosts: async () => [] }, counters, clock: systemClock });
    const name = `${cloud.counts.tenants} tenants, ${cloud.counts.vms} VMs`;
    for (const each of casesOf(admission)) if (each.name.includes(only)) await measure(plan, each, name, report);
  } finally {
    admission.close();
    await store.close();
    await rm(directory, { recursive: true });
  }
}

/** As users write them: hosts and tenants first, then what each tenant has. */
async function load(admission: Admission, documents: ReturnType<typeof referenceCloud>['documents']): Promise<void> {
  const kinds = ['Host', 'Tenant', 'Network', 'Router', 'Group', 'Policy', 'QosPolicy', 'Vm'] as const;
  for (const kind of kinds) {
    const writes = [...documents.list(kind)].map(({ document }) => writeOf(document));
    for (let at = 0; at < writes.length; at += 1_000) await admission.submit({ writes: writes.slice(at, at + 1_000) });
  }
}

function writeOf(document: Document): Write {
  const { name, tenant, labels } = document.metadata;
  return { verb: 'apply', raw: { kind: document.kind, metadata: { name, tenant, labels }, spec: presentSpec(document) } };
}

function casesOf(admission: Admission): readonly Case[] {
  const tenants = [...admission.snapshot().list('Tenant')].map(({ document }) => document.metadata.name);
  const large = tenants.filter((name) => /^(large|enterprise)-/.test(name));
  const policy = (random: Random, tenant: string): Write => {
    const group = (): string =>
      some(
        random,
        ['web', 'app', 'db', 'prod', 'dev'].filter((name) => admission.snapshot().get('Group', tenant, name)),
      );
    const services = [random.pick(['https', 'ssh', 'redis'])];
    const ingress = [{ action: random.pick(['allow', 'deny']), from: [{ group: group() }], services }];
    const egress = [{ action: 'allow', services }];
    return {
      verb: 'apply',
      raw: { kind: 'Policy', metadata: { name: 'planned', tenant }, spec: { order: random.integer(1, 5000), ingress, egress } },
    };
  };
  const some = <T>(random: Random, items: Iterable<T>): T => {
    const picked = random.pick([...items]);
    if (picked === undefined) throw new Error('there is none');
    return picked;
  };
  return [
    { name: 'policy of any tenant', count: 200, writes: (random) => [policy(random, some(random, tenants))] },
    { name: 'policy of a tenant with 50 VMs or more', count: 50, writes: (random) => [policy(random, some(random, large))] },
    {
      name: 'policy deleted, 50 VMs or more',
      count: 50,
      writes: (random) => {
        const tenant = some(random, large);
        const { document } = some(random, admission.snapshot().list('Policy', tenant));
        return [{ verb: 'delete', kind: 'Policy', tenant, name: document.metadata.name }];
      },
    },
    {
      name: 'VM relabelled, 50 VMs or more',
      count: 50,
      writes: (random) => {
        const tenant = some(random, large);
        const { document } = some(random, admission.snapshot().list('Vm', tenant));
        return [writeOf({ ...document, metadata: { ...document.metadata, labels: { ...document.metadata.labels, tier: 'none' } } })];
      },
    },
    {
      name: 'posture opened, 50 VMs or more',
      count: 20,
      writes: (random) => [{ verb: 'apply', raw: { kind: 'Tenant', metadata: { name: some(random, large) }, spec: { posture: 'open' } } }],
    },
    {
      name: 'intent of a tenant with 50 VMs or more',
      count: 50,
      writes: (random) => [
        {
          verb: 'apply',
          raw: {
            kind: 'Intent',
            metadata: { name: 'planned', tenant: some(random, large) },
            spec: { text: 'allow web to reach db on postgresql' },
          },
        },
      ],
    },
    {
      name: "the platform's policy for all tenants",
      count: 3,
      writes: () => [
        {
          verb: 'apply',
          raw: {
            kind: 'Policy',
            metadata: { name: 'planned' },
            spec: { tier: 'platform', ingress: [{ action: 'deny', from: [{ any: true }], services: ['ssh'] }] },
          },
        },
      ],
    },
  ];
}

async function measure(plan: Plan, { name, count, writes }: Case, cloud: string, report: (result: Result) => void): Promise<void> {
  const random = new Random(2);
  const found: { readonly planned: Planned; readonly stallMs: number }[] = [];
  for (let index = 0; index < count; index++) found.push(await watched(plan, writes(random)));
  const what = `${name} (${cloud})`;
  const tell = (metric: string, times: readonly number[]): void => {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    report({ bench: 'plan', case: what, metric, unit: 'ms', value: at(0.5), p99: at(0.99), n: times.length });
  };
  const parts: readonly (keyof PlanTimings)[] = ['total', 'validation', 'connectivity', 'findings', 'flows'];
  for (const part of parts)
    tell(
      part,
      found.map(({ planned }) => planned.timings[part]),
    );
  tell(
    'stall',
    found.map(({ stallMs }) => stallMs),
  );
  const rows = found.reduce((sum, { planned }) => sum + planned.connectivity.items.length, 0);
  if (rows === 0) throw new Error(`${name}: nothing changed`);
  report({ bench: 'plan', case: what, metric: 'rows', unit: 'rows', value: rows / count, n: count });
}

/** The longest time that the thread computes between two turns of the event loop, whatever else the machine has to do. */
async function watched(plan: Plan, writes: readonly Write[]): Promise<{ readonly planned: Planned; readonly stallMs: number }> {
  let stallMs = 0;
  let isOver = false;
  let last = process.threadCpuUsage();
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    stallMs = Math.max(stallMs, (user + system) / 1_000);
    last = process.threadCpuUsage();
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const planned = await plan.plan({ writes, sees: undefined });
  isOver = true;
  turn();
  return { planned, stallMs };
}

const { values } = parseArgs({
  options: { scale: { type: 'string', default: '1' }, only: { type: 'string', default: '' }, json: { type: 'boolean', default: false } },
});
await run(Number(values.scale), values.only, (result) =>
  process.stdout.write(
    values.json
      ? `${JSON.stringify(result)}\n`
      : `${result.case} ${result.metric}: ${result.value.toFixed(2)} ${result.unit}${result.p99 === undefined ? '' : `, p99 ${result.p99.toFixed(2)}`}\n`,
  ),
);
