import { Type } from 'typebox';
import { addressSchema, closed } from './text.ts';

export const hostSpecSchema = Type.Object(
  {
    uplinkMbps: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
    schedulable: Type.Optional(Type.Boolean({ default: true })),
    encapIp: Type.Optional(
      Type.Union([addressSchema, Type.Null()], { description: 'the tunnel address, or null for what the switch says' }),
    ),
  },
  closed,
);
