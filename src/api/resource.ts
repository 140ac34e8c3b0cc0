import type { Document } from '../../policies/model/index.ts';
import { contradictions, present, type Snapshot, type Stored } from '../admission/index.ts';
import type { HostStatus, Read } from '../controller/ports.ts';
import type { Resource } from './schema/answers.ts';

/** A stored document as users see it: its spec as they write it, and what is in effect now. */
export function resourceOf(read: Read, stored: Stored): Resource {
  return present(stored, statusOf(read, stored.document)) as Resource;
}

/** Documents of one kind and owner as users see them, intents with their conflicts by what is there now. */
export function resourcesOf(read: Read, snapshot: Snapshot, all: readonly Stored[]): readonly Resource[] {
  const intents = all.flatMap(({ document }) => (document.kind === 'Intent' ? [document] : []));
  const found = contradictions(snapshot, intents);
  const conflicts = new Map<Document, unknown>(intents.map((intent, index) => [intent, found[index] ?? []]));
  return all.map((stored) => {
    const resource = resourceOf(read, stored);
    const own = conflicts.get(stored.document);
    return own === undefined ? resource : { ...resource, status: { ...resource.status, conflicts: own } };
  });
}

/** `status` tells what is in effect, never what is wanted. Errors are those that switches answered for this resource. */
function statusOf(read: Read, document: Document): Resource['status'] {
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
    case 'Router':
    case 'Group':
    case 'Service':
    case 'Policy':
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
