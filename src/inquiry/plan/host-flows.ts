import { sameFlow } from '../../../flows/reconcile/equality.ts';
import { renderElement } from '../../../flows/render/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { createGraph } from '../../../policies/index.ts';
import type { Element, ElementKey, HostChange } from '../../../policies/compiled.ts';
import { elementKey } from '../../../policies/compiled.ts';
import type { Snapshot } from '../../admission/index.ts';
import { PartOfCloud } from './part-of-cloud.ts';

/** What a change makes of the flows of one host. A flow that is altered is both lost and gained. */
export interface HostFlowChange {
  readonly host: string;
  readonly gained: number;
  readonly lost: number;
  /** Flows more than before; negative: fewer. */
  readonly more: number;
}

/**
 * The flows that hosts gain and lose, counted by compiling and rendering what some tenants have, before and after. Exact as far as those
 * tenants are all whose elements can change.
 */
export function hostFlowChanges(
  before: Snapshot,
  after: Snapshot,
  tenants: ReadonlySet<string>,
  minute: number,
): readonly HostFlowChange[] {
  const graph = createGraph();
  graph.load(new PartOfCloud(before, tenants), minute);
  const elements = new Map([...graph.hosts()].map((host) => [host, new Map(graph.elements(host))]));
  return graph
    .load(new PartOfCloud(after, tenants), minute)
    .map((change) => countFlows(change, elements.get(change.host) ?? new Map<ElementKey, Element>()))
    .toSorted((a, b) => (a.host < b.host ? -1 : 1));
}

function countFlows({ host, put, removed }: HostChange, elements: ReadonlyMap<ElementKey, Element>): HostFlowChange {
  const before = new Map<Flow['key'], Flow>();
  const keys = [...removed, ...put.map(elementKey)];
  for (const key of keys) {
    const element = elements.get(key);
    if (element) for (const flow of renderElement(key, element)) before.set(flow.key, flow);
  }
  const after = new Map(put.flatMap((element) => renderElement(elementKey(element), element).map((flow) => [flow.key, flow])));
  let gained = 0;
  let lost = 0;
  for (const [key, flow] of after) {
    const old = before.get(key);
    if (old === undefined || !sameFlow(old, flow)) gained++;
  }
  for (const [key, flow] of before) {
    const now = after.get(key);
    if (now === undefined || !sameFlow(now, flow)) lost++;
  }
  return { host, gained, lost, more: after.size - before.size };
}
