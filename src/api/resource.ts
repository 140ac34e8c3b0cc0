import type { Document } from '../../policies/model/index.ts';
import { contradictions, present, type ResourceId, type Snapshot, type Stored } from '../admission/index.ts';
import { inSlices } from '../base/slices.ts';
import type { Effect, HostStatus } from '../controller/ports.ts';
import type { ApiPorts } from './ports.ts';
import type { Resource } from './schema/answers.ts';

/** A stored document as users see it: its spec as they write it, and what is in effect now. */
export function resourceOf({ budget }: Pick<ApiPorts, 'budget'>, stored: Stored, effect: Effect): Resource {
  return present(stored, statusOf(budget, stored.document, effect)) as Resource;
}

/** What is in effect of documents, in their order. */
export const effectsOf = ({ read }: Pick<ApiPorts, 'read'>, all: readonly { readonly document: Document }[]): Promise<readonly Effect[]> =>
  all.length === 0 ? Promise.resolve([]) : read.effects(all.map(({ document }) => idOf(document)));

const idOf = ({ kind, metadata: { tenant, name } }: Document): ResourceId => ({ kind, tenant, name });

/** Of what is there no more. */
export const noEffect: Effect = { errors: [], interfaces: [], host: undefined };

/** Documents of one kind and owner as users see them, intents with their conflicts by what is there now. */
export async function resourcesOf(
  ports: Pick<ApiPorts, 'read' | 'budget' | 'clock'>,
  snapshot: Snapshot,
  all: readonly Stored[],
): Promise<readonly Resource[]> {
  const intents = all.flatMap(({ document }) => (document.kind === 'Intent' ? [document] : []));
  const effects = await effectsOf(ports, all);
  const conflicts: ReadonlyMap<Document, unknown> = await inSlices(contradictions(snapshot, intents), ports.clock);
  return all.map((stored, index) => {
    const resource = resourceOf(ports, stored, effects[index] ?? noEffect);
    const own = conflicts.get(stored.document);
    return own === undefined ? resource : { ...resource, status: { ...resource.status, conflicts: own } };
  });
}

/** `status` tells what is in effect, never what is wanted. Errors are those that switches answered for this resource. */
function statusOf(budget: ApiPorts['budget'], document: Document, { errors, interfaces, host }: Effect): Resource['status'] {
  const { name, tenant } = document.metadata;
  switch (document.kind) {
    case 'Vm':
      return { phase: phaseOf(interfaces.map(({ phase }) => phase)), interfaces, errors };
    case 'Host':
      return { ...(host ?? neverConnected), errors };
    case 'Network':
      return { vni: document.spec.vni, errors };
    case 'Intent':
      return { meaning: document.spec.echo, compiled: document.spec.compiled, errors };
    case 'Tenant':
      return { usage: budget.usage(name), errors };
    case 'Policy':
      return { flows: { perHost: budget.flowsOf({ kind: 'Policy', tenant, name }) }, errors };
    case 'Router':
    case 'Group':
    case 'Service':
    case 'QosPolicy':
      return { errors };
  }
}

const neverConnected = { connected: false, ovsdb: false } as const satisfies Partial<HostStatus>;

const phases = ['wrong-host', 'stopped', 'pending', 'prepared', 'active'] as const;
export type Phase = (typeof phases)[number];

/** Of a VM: that of its interface which is farthest behind; a VM that nothing is known of is stopped. */
export function phaseOf(interfaces: readonly Phase[]): Phase {
  return phases.find((phase) => interfaces.includes(phase)) ?? 'stopped';
}
