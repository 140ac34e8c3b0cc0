import { Type } from 'typebox';
import { rulesMax } from '../policy.ts';
import { portSchema } from './service.ts';
import { cidrSchema, closed, nameSchema, scopedNameSchema } from './text.ts';

/** One of `group`, `cidr` and `any`; which fields go together is checked by `parsePolicy`. */
const peerSchema = Type.Object(
  {
    group: Type.Optional(scopedNameSchema),
    tenant: Type.Optional(nameSchema),
    cidr: Type.Optional(cidrSchema),
    except: Type.Optional(Type.Array(cidrSchema, { maxItems: 256 })),
    any: Type.Optional(Type.Literal(true, { description: 'true' })),
  },
  closed,
);

const common = {
  action: Type.Enum(['allow', 'deny', 'reject', 'pass'], { description: 'allow, deny, reject or pass' }),
  services: Type.Optional(
    Type.Array(Type.Union([scopedNameSchema, portSchema], { description: 'the name of a service or a port' }), {
      minItems: 1,
      maxItems: 64,
    }),
  ),
  log: Type.Optional(Type.Boolean({ default: false })),
};
const peers = Type.Optional(Type.Array(peerSchema, { minItems: 1, maxItems: 256 }));

export const appliesToSchema = Type.Array(scopedNameSchema, { minItems: 1, maxItems: 128 });
export const policySpecSchema = Type.Object(
  {
    tier: Type.Optional(Type.Enum(['platform', 'tenant', 'baseline'], { description: 'platform, tenant or baseline' })),
    order: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, default: 1000 })),
    appliesTo: Type.Optional(appliesToSchema),
    ingress: Type.Optional(Type.Array(Type.Object({ ...common, from: peers }, closed), { maxItems: rulesMax })),
    egress: Type.Optional(Type.Array(Type.Object({ ...common, to: peers }, closed), { maxItems: rulesMax })),
  },
  closed,
);
