import { Type } from 'typebox';
import { addressSchema, cidrSchema, closed, nameSchema } from './text.ts';

const vniMax = 0xffffff;

export const networkSpecSchema = Type.Object(
  {
    vni: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: vniMax }), Type.Null()], {
        description: 'a VXLAN network identifier of 24 bits, or null for one from the pool',
      }),
    ),
    subnets: Type.Optional(
      Type.Array(
        Type.Object(
          {
            cidr: cidrSchema,
            gateway: Type.Optional(
              Type.Union([addressSchema, Type.Null()], { description: 'an address of the subnet, or null for its first' }),
            ),
            dhcp: Type.Optional(Type.Boolean({ default: true })),
            dns: Type.Optional(Type.Array(addressSchema, { maxItems: 8 })),
          },
          closed,
        ),
        { maxItems: 16 },
      ),
    ),
    mtu: Type.Optional(
      Type.Integer({ minimum: 576, maximum: 9216, description: 'bytes of the largest IP packet; at least 1280 with an IPv6 subnet' }),
    ),
    broadcast: Type.Optional(Type.Boolean({ default: false })),
    isolation: Type.Optional(Type.Enum(['none', 'private'], { default: 'none', description: 'none or private' })),
    sharedWith: Type.Optional(Type.Array(nameSchema, { maxItems: 1024, description: 'tenants whose VMs and routers may use the network' })),
  },
  closed,
);
