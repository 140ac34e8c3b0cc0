import { Type } from 'typebox';
import { closed } from './text.ts';

const limit = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000, description }));

export const tenantSpecSchema = Type.Object(
  {
    posture: Type.Optional(Type.Enum(['zero-trust', 'open'], { default: 'zero-trust', description: 'zero-trust or open' })),
    quotas: Type.Optional(
      Type.Object(
        {
          networks: limit('the most networks'),
          vms: limit('the most VMs'),
          interfaces: limit('the most interfaces of all VMs'),
          policies: limit('the most policies, QoS policies included'),
          flows: limit('the most flows that a host holding all of the tenant would carry'),
          bandwidthMbps: limit('Mbit/s'),
          connections: limit('the most tracked connections'),
        },
        closed,
      ),
    ),
  },
  closed,
);
