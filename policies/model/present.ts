import { presentGroup } from './group.ts';
import type { Document } from './kinds.ts';
import { presentPolicy } from './policy.ts';
import { presentRouter } from './router.ts';

type Parts<D> = D extends Document
  ? { readonly kind: D['kind']; readonly spec: D['spec']; readonly metadata?: { readonly tenant?: string } }
  : never;
type Presentable = Parts<Document>;

/** The spec of a document as its user writes it: what this gives can be sent again and changes nothing. */
export function presentSpec(document: Presentable): unknown {
  switch (document.kind) {
    case 'Router':
      return presentRouter(document.spec, document.metadata?.tenant);
    case 'Group':
      return presentGroup(document.spec);
    case 'Policy':
      return presentPolicy(document.spec);
    case 'Host': {
      const { encapIpFrom: _internal, ...spec } = document.spec;
      return spec;
    }
    case 'Intent':
      return { text: document.spec.text, order: document.spec.order };
    case 'Tenant':
    case 'Network':
    case 'Service':
    case 'QosPolicy':
    case 'Vm':
      return document.spec;
  }
}
