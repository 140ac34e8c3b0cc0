import { Type } from 'typebox';
import { addressSchema, closed, labelsSchema, macSchema, nameSchema, scopedNameSchema } from './text.ts';

const declaredPortSchema = Type.Object(
  { protocol: Type.Enum(['tcp', 'udp', 'sctp'], { description: 'tcp, udp or sctp' }), port: Type.Integer({ minimum: 1, maximum: 65535 }) },
  closed,
);

const interfaceSchema = Type.Object(
  {
    name: nameSchema,
    network: scopedNameSchema,
    mac: Type.Optional(Type.Union([macSchema, Type.Null()], { description: 'a MAC address, or null for a new one' })),
    addresses: Type.Optional(
      Type.Union([Type.Array(addressSchema, { maxItems: 16 }), Type.Null()], { description: 'a list of addresses, or null for new ones' }),
    ),
    labels: Type.Optional(labelsSchema),
    ports: Type.Optional(Type.Object({}, { additionalProperties: declaredPortSchema, maxProperties: 64 })),
  },
  closed,
);

export const vmSpecSchema = Type.Object(
  {
    hypervisor: Type.Optional(Type.Enum(['kvm', 'container', 'kata'], { default: 'kvm', description: 'kvm, container or kata' })),
    host: Type.Optional(Type.Union([nameSchema, Type.Null()], { description: 'the name of a host, or null' })),
    power: Type.Optional(
      Type.Union([Type.Literal('running'), Type.Literal('stopped'), Type.Null()], { description: 'running, stopped or null' }),
    ),
    interfaces: Type.Optional(Type.Array(interfaceSchema, { maxItems: 16 })),
  },
  closed,
);
