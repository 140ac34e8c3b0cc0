import { presentGroup } from './group.ts';
import type { Document } from './kinds.ts';
import { presentPolicy } from './policy.ts';
import { presentRouter } from './router.ts';

/** The spec of a document as its user writes it: what this gives can be sent again and changes nothing. */
export function presentSpec(document: Document): unknown {
  switch (document.kind) {
    case 'Router':
      return presentRouter(document.spec, document.metadata.tenant);
    case 'Group':
      return presentGroup(document.spec);
    case 'Policy':
      return presentPolicy(document.spec);
    case 'Host': {
      const { encapIpFrom: _internal, ...spec } = document.spec;
      return spec;
    }
    case 'Tenant':
    case 'Network':
    case 'Service':
    case 'QosPolicy':
    case 'Vm':
      return document.spec;
  }
}
