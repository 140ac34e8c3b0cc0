import type { Document } from '../../policies/model/index.ts';
import { contradictions, present, type Snapshot, type Stored } from '../admission/index.ts';
import { inSlices } from '../base/slices.ts';
import type { HostStatus } from '../controller/ports.ts';
import type { ApiPorts } from './ports.ts';
import type { Resource } from './schema/answers.ts';

/** What tells of what is in effect. */
type Effects = Pick<ApiPorts, 'read' | 'budget'>;

/** A stored document as users see it: its spec as they write it, and what is in effect now. */
export function resourceOf(ports: Effects, stored: Stored): Resource {
  return present(stored, statusOf(ports, stored.document)) as Resource;
}

/** Documents of one kind and owner as users see them, intents with their conflicts by what is there now. */
export async function resourcesOf(
  ports: Effects & Pick<ApiPorts, 'clock'>,
  snapshot: Snapshot,
  all: readonly Stored[],
): Promise<readonly Resource[]> {
  const intents = all.flatMap(({ document }) => (document.kind === 'Intent' ? [document] : []));
  const conflicts: ReadonlyMap<Document, unknown> = await inSlices(contradictions(snapshot, intents), ports.clock);
  return all.map((stored) => {
    const resource = resourceOf(ports, stored);
    const own = conflicts.get(stored.document);
    return own === undefined ? resource : { ...resource, status: { ...resource.status, conflicts: own } };
  });
}

/** `status` tells what is in effect, never what is wanted. Errors are those that switches answered for this resource. */
function statusOf({ read, budget }: Effects, document: Document): Resource['status'] {
  const { name, tenant } = document.metadata;
  const errors = read.errorsOf(document.kind, tenant, name);
  switch (document.kind) {
    case 'Vm': {
      const interfaces = read.interfaceStatus(tenant ?? '', name);
      return { phase: phaseOf(interfaces.map(({ phase }) => phase)), interfaces, errors };
    }
    case 'Host':
      return { ...(read.hostStatus(name) ?? neverConnected), errors };
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
