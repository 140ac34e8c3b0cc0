import type { Document } from '../../policies/model/kinds.ts';
import { MemoryDocuments } from './documents.ts';
import { Random } from './random.ts';
import { tenantDocuments } from './tenant.ts';
import type { TenantShape } from './tenant.ts';

/** `packed`: a tenant's VMs fill one host after the other; `spread`: each VM is on a host chosen at random. */
export type Placement = 'packed' | 'spread';

export interface ReferenceCloud {
  readonly documents: MemoryDocuments;
  readonly counts: {
    readonly tenants: number;
    readonly hosts: number;
    readonly vms: number;
    readonly networks: number;
    readonly interfaces: number;
    readonly policies: number;
    readonly qosPolicies: number;
  };
}

/** The mix of tenants at scale 1: how many of each size, and the ranges of what one has (design/targets.md). */
interface Size {
  readonly size: TenantShape['size'];
  readonly count: number;
  readonly vms: readonly [low: number, high: number, mean: number];
  readonly networks: readonly [low: number, high: number];
  readonly bandwidthMbps: readonly [low: number, high: number];
}

const sizes: readonly Size[] = [
  { size: 'micro', count: 600, vms: [1, 4, 3], networks: [1, 2], bandwidthMbps: [10, 50] },
  { size: 'small', count: 250, vms: [5, 19, 10], networks: [2, 3], bandwidthMbps: [50, 200] },
  { size: 'medium', count: 100, vms: [20, 49, 30], networks: [3, 5], bandwidthMbps: [200, 500] },
  { size: 'large', count: 40, vms: [50, 99, 55], networks: [5, 8], bandwidthMbps: [500, 1000] },
  { size: 'enterprise', count: 10, vms: [50, 50, 50], networks: [8, 15], bandwidthMbps: [1000, 5000] },
];

const totals = { vms: 10_000, networks: 4_500, interfaces: 25_000, policies: 6_000, qosPolicies: 1_500 };
const vmsPerHost = 50;

/** The reference cloud at a scale factor: the same seed gives the same documents, running and placed, with their numbers. */
export function referenceCloud(options: { readonly seed: number; readonly scale: number; readonly placement: Placement }): ReferenceCloud {
  const { scale, placement } = options;
  const random = new Random(options.seed);
  const shapes = shapesOf(random, scale);
  const vms = shapes.reduce((sum, shape) => sum + shape.vms, 0);
  const hosts = Math.ceil(vms / vmsPerHost);
  const documents = new MemoryDocuments();
  for (let host = 0; host < hosts; host++) documents.put(hostDocument(host));
  let placed = 0;
  const nextHost = (): string => hostName(placement === 'packed' ? Math.floor(placed++ / vmsPerHost) : random.integer(0, hosts - 1));
  let vni = 1000;
  const owned = shapes.flatMap((shape) => tenantDocuments(random, shape, () => vni++, nextHost));
  for (const document of owned) documents.put(document);
  documents.renumber();
  const count = (kind: Document['kind']): number => owned.filter((document) => document.kind === kind).length;
  return {
    documents,
    counts: {
      tenants: shapes.length,
      hosts,
      vms,
      networks: count('Network'),
      interfaces: owned.reduce((sum, document) => sum + (document.kind === 'Vm' ? document.spec.interfaces.length : 0), 0),
      policies: count('Policy'),
      qosPolicies: count('QosPolicy'),
    },
  };
}

const hostName = (index: number): string => `host-${index}`;

function hostDocument(index: number): Document {
  const encapIp = `172.${16 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
  return {
    kind: 'Host',
    metadata: { name: hostName(index), labels: {}, uid: `host-uid-${index}`, createdAt: '2026-01-01T00:00:00Z' },
    spec: { schedulable: true, encapIp },
  };
}

/** Tenants of every size, with the totals of the scale shared out among them; at least one tenant. */
function shapesOf(random: Random, scale: number): readonly TenantShape[] {
  const drafts = sizes.flatMap((size) =>
    Array.from({ length: Math.max(size.size === 'micro' ? 1 : 0, Math.round(size.count * scale)) }, () => ({
      size,
      vms: around(random, size.vms),
    })),
  );
  settleSum(drafts, Math.round(totals.vms * scale));
  const vms = drafts.reduce((sum, draft) => sum + draft.vms, 0);
  const share = (total: number): number[] =>
    shareOut(
      Math.round(total * scale),
      drafts.map((draft) => draft.vms / vms),
    );
  const interfaces = share(totals.interfaces);
  const policies = shareOut(
    Math.round(totals.policies * scale),
    drafts.map((draft) => Math.sqrt(draft.vms)),
  );
  const qosPolicies = shareOut(
    Math.round(totals.qosPolicies * scale),
    drafts.map(() => 1),
  );
  const networks = networkCounts(
    drafts.map(({ size }) => size),
    Math.round(totals.networks * scale),
  );
  return random.shuffle(
    drafts.map(({ size, vms: count }, index) => ({
      name: `${size.size}-${index}`,
      size: size.size,
      vms: count,
      networks: networks[index] ?? 1,
      interfaces: Math.max(count, interfaces[index] ?? count),
      policies: policies[index] ?? 0,
      qosPolicies: qosPolicies[index] ?? 0,
      bandwidthMbps: random.integer(...size.bandwidthMbps),
    })),
  );
}

/** The upper ends of the ranges, then one network more for each in turn until the total is reached. */
function networkCounts(tenants: readonly Size[], total: number): readonly number[] {
  const counts = tenants.map(({ networks: [, high] }) => high);
  let rest = total - counts.reduce((sum, count) => sum + count, 0);
  for (let index = 0; rest > 0; index = (index + 1) % counts.length, rest--) counts[index] = (counts[index] ?? 0) + 1;
  return counts;
}

/** Triangular between low and high, so that the mean is close to the one asked. */
function around(random: Random, [low, high, mean]: Size['vms']): number {
  const below = random.chance((high - mean) / Math.max(1, high - low));
  return below ? random.integer(low, mean) : random.integer(mean, high);
}

/** Moves single VMs until the sum is right, without leaving a tenant's range. */
function settleSum(drafts: { readonly size: Size; vms: number }[], total: number): void {
  let rest = total - drafts.reduce((sum, draft) => sum + draft.vms, 0);
  for (let round = 0; rest !== 0 && round < 100; round++) {
    for (const draft of drafts) {
      const [low, high] = draft.size.vms;
      const step = Math.sign(rest);
      if (rest === 0 || draft.vms + step < low || draft.vms + step > high) continue;
      draft.vms += step;
      rest -= step;
    }
  }
}

/** Integers that add up to `total`, in proportion to the weights: largest remainders first. */
function shareOut(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  const exact = weights.map((weight) => (total * weight) / sum);
  const shares = exact.map(Math.floor);
  const order = exact.map((value, index) => ({ index, rest: value - Math.floor(value) })).toSorted((a, b) => b.rest - a.rest);
  let left = total - shares.reduce((a, b) => a + b, 0);
  for (const { index } of order) {
    if (left-- <= 0) break;
    shares[index] = (shares[index] ?? 0) + 1;
  }
  return shares;
}
