import { sameFlow } from '../../../flows/reconcile/equality.ts';
import { renderElement } from '../../../flows/render/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { createGraph } from '../../../policies/index.ts';
import { elementKey } from '../../../policies/compiled.ts';
import type { Element, ElementKey, HostChange } from '../../../policies/compiled.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { PlannedFlows, PlannedHostFlows } from '../ports.ts';
import { PartOfCloud } from './part-of-cloud.ts';
import type { Trial } from './plan.ts';

/** VMs whose hosts are compiled for one question. */
const vmsCompiledMax = 2_000;

/**
 * The flows that hosts gain and lose, counted by compiling and rendering all that can change: what those tenants have whom the documents
 * concern, before and after; `installed` is what hosts have. A flow that is altered is both lost and gained. To be run to its end, in slices if need be.
 */
export function* flowsForeseen(
  { installed, clock }: { readonly installed: ReadonlyMap<string, number>; readonly clock: Pick<Clock, 'wallMs'> },
  { foreseen, before, after }: Trial,
  concerned: ReadonlySet<string>,
  sees: string | undefined,
): Generator<undefined, PlannedFlows> {
  const changed = [...foreseen.documents, ...foreseen.numbers];
  if (changed.length === 0) return { hosts: [], complete: true };
  if (changed.some(({ kind }) => kind === 'Host')) return { hosts: [], complete: false };
  if (isTooMuch([before, after], concerned)) return { hosts: [], complete: false };
  const part = new PartOfCloud(before);
  const graph = createGraph();
  const minute = Math.floor(clock.wallMs() / 60_000);
  graph.load(part, minute);
  for (const tenant of concerned) {
    yield;
    graph.update(part.admit(tenant), part, minute);
  }
  yield;
  const elements = new Map([...graph.hosts()].map((host) => [host, new Map(graph.elements(host))]));
  yield;
  const changes = graph.update({ documents: changed.map((id) => ({ id })), numbers: changed }, part.over(after), minute);
  const hosts: PlannedHostFlows[] = [];
  const own = sees === undefined ? undefined : hostsOf([before, after], sees);
  for (const change of changes) {
    yield;
    if (own !== undefined && !own.has(change.host)) continue;
    const { gained, lost, more } = countFlows(change, elements.get(change.host) ?? new Map<ElementKey, Element>());
    if (gained + lost === 0) continue;
    const now = sees === undefined ? installed.get(change.host) : undefined;
    hosts.push({ host: change.host, before: now, after: now === undefined ? undefined : now + more, gained, lost });
  }
  return { hosts: hosts.toSorted((a, b) => (a.host < b.host ? -1 : 1)), complete: true };
}

function isTooMuch(worlds: readonly Snapshot[], tenants: ReadonlySet<string>): boolean {
  return worlds.some((world) => {
    let vms = 0;
    for (const tenant of tenants) for (const _ of world.list('Vm', tenant)) if (++vms > vmsCompiledMax) return true;
    return false;
  });
}

/** Where a tenant has VMs. */
function hostsOf(worlds: readonly Snapshot[], tenant: string): ReadonlySet<string> {
  return new Set(worlds.flatMap((world) => [...world.list('Vm', tenant)].flatMap(({ document }) => document.spec.host ?? [])));
}

function countFlows(
  { put, removed }: HostChange,
  elements: ReadonlyMap<ElementKey, Element>,
): { readonly gained: number; readonly lost: number; readonly more: number } {
  const before = new Map<Flow['key'], Flow>();
  for (const key of [...removed, ...put.map(elementKey)]) {
    const element = elements.get(key);
    if (element) for (const flow of renderElement(key, element)) before.set(flow.key, flow);
  }
  const after = new Map(put.flatMap((element) => renderElement(elementKey(element), element).map((flow) => [flow.key, flow])));
  const differs = (flow: Flow, other: Flow | undefined): boolean => other === undefined || !sameFlow(flow, other);
  const gained = [...after].filter(([key, flow]) => differs(flow, before.get(key))).length;
  const lost = [...before].filter(([key, flow]) => differs(flow, after.get(key))).length;
  return { gained, lost, more: after.size - before.size };
}
