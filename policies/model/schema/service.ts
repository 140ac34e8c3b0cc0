import { Type } from 'typebox';
import { closed, nameSchema } from './text.ts';

/** Nobody listens at 0, but packets can say it, and a range may begin there. */
const portNumber = Type.Integer({ minimum: 0, maximum: 65535 });

export const portSchema = Type.Object(
  {
    protocol: Type.Enum(['tcp', 'udp', 'sctp', 'icmp', 'icmpv6'], { description: 'tcp, udp, sctp, icmp or icmpv6' }),
    port: Type.Optional(portNumber),
    endPort: Type.Optional(portNumber),
    portName: Type.Optional(nameSchema),
    type: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
    code: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
  },
  closed,
);

export const serviceSpecSchema = Type.Object({ ports: Type.Array(portSchema, { minItems: 1, maxItems: 64 }) }, closed);
