import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import type { Kind } from '../kinds.ts';
import { groupSpecSchema } from './group.ts';
import { hostSpecSchema } from './host.ts';
import { intentSpecSchema } from './intent.ts';
import { networkSpecSchema } from './network.ts';
import { policySpecSchema } from './policy.ts';
import { qosPolicySpecSchema } from './qos-policy.ts';
import { routerSpecSchema } from './router.ts';
import { serviceSpecSchema } from './service.ts';
import { tenantSpecSchema } from './tenant.ts';
import { closed, labelsSchema, nameSchema } from './text.ts';
import { vmSpecSchema } from './vm.ts';

/** What the server sets (`uid`, `revision`, `createdAt`, `status`) may come back in a document that was read, and is ignored. */
const metadataSchema = Type.Object(
  {
    name: Type.Optional(nameSchema),
    tenant: Type.Optional(nameSchema),
    labels: Type.Optional(labelsSchema),
    ownedBy: Type.Optional(
      Type.Object({ kind: Type.Literal('Intent'), name: nameSchema }, { ...closed, description: 'the intent that writes this document' }),
    ),
    uid: Type.Optional(Type.String({ maxLength: 64 })),
    revision: Type.Optional(Type.Integer({ minimum: 0 })),
    createdAt: Type.Optional(Type.String({ maxLength: 64 })),
  },
  closed,
);

const resourceOf = <K extends Kind, S extends TSchema>(kind: K, spec: S) =>
  Type.Object(
    {
      kind: Type.Optional(Type.Literal(kind, { description: kind })),
      metadata: Type.Optional(metadataSchema),
      spec: Type.Optional(spec),
      status: Type.Optional(Type.Object({}, { description: 'an object; ignored in what is sent' })),
    },
    closed,
  );

/** By kind, a resource as users send it: the one source of validation and of the OpenAPI document. */
export const schemas = {
  Tenant: resourceOf('Tenant', tenantSpecSchema),
  Network: resourceOf('Network', networkSpecSchema),
  Router: resourceOf('Router', routerSpecSchema),
  Group: resourceOf('Group', groupSpecSchema),
  Service: resourceOf('Service', serviceSpecSchema),
  Policy: resourceOf('Policy', policySpecSchema),
  QosPolicy: resourceOf('QosPolicy', qosPolicySpecSchema),
  Intent: resourceOf('Intent', intentSpecSchema),
  Vm: resourceOf('Vm', vmSpecSchema),
  Host: resourceOf('Host', hostSpecSchema),
} as const satisfies Record<Kind, TSchema>;

/** A resource of this kind as users send it, once its shape is checked. */
export type RawResource<K extends Kind> = Type.Static<(typeof schemas)[K]>;
export type RawSpec<K extends Kind> = NonNullable<RawResource<K>['spec']>;
