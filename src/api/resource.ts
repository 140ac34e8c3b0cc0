import { presentSpec, type Document } from '../../policies/model/index.ts';
import type { Revision } from '../../cluster/store/port.ts';
import type { HostStatus, Read } from '../controller/ports.ts';
import type { Resource } from './schema/answers.ts';

/** A stored document as users see it: its spec as they write it, and what is in effect now. */
export function resourceOf(read: Read, document: Document, revision: Revision): Resource {
  const { name, tenant, labels, uid, createdAt } = document.metadata;
  return {
    kind: document.kind,
    metadata: { name, ...(tenant !== undefined && { tenant }), labels, uid, revision, createdAt },
    spec: presentSpec(document) as Resource['spec'],
    status: statusOf(read, document),
  };
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
