import { Type } from 'typebox';
import { appliesToSchema } from './policy.ts';
import { closed } from './text.ts';

const mbps = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const bandwidthSchema = Type.Object(
  {
    maxMbps: Type.Optional(mbps),
    guaranteedMbps: Type.Optional(mbps),
    burstKb: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
  },
  closed,
);

export const qosPolicySpecSchema = Type.Object(
  {
    appliesTo: Type.Optional(appliesToSchema),
    egress: Type.Optional(bandwidthSchema),
    ingress: Type.Optional(bandwidthSchema),
    dscp: Type.Optional(Type.Integer({ minimum: 0, maximum: 63 })),
    class: Type.Optional(Type.Enum(['vm', 'storage', 'management', 'migration'], { description: 'vm, storage, management or migration' })),
  },
  closed,
);
