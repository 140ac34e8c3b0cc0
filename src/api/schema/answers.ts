import { Type, type Static, type TSchema } from 'typebox';
import type { Kind } from '../../../policies/model/kinds.ts';
import { schemas } from '../../../policies/model/schema/resource.ts';

/** What the server answers. Every schema here is also in the OpenAPI document, and tests hold the answers against it. */

const metadata = Type.Object({
  name: Type.String(),
  tenant: Type.Optional(Type.String()),
  labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  ownedBy: Type.Optional(
    Type.Object({ kind: Type.Literal('Intent'), name: Type.String() }, { description: 'the intent that writes this document' }),
  ),
  uid: Type.String(),
  revision: Type.Integer({ description: 'of the last write of this resource; also its ETag' }),
  createdAt: Type.String({ description: 'ISO 8601, UTC' }),
});

const status = Type.Object({}, { additionalProperties: true, description: 'what is in effect; never stored' });

export const resourceSchema = (kind: Kind): TSchema =>
  Type.Object(
    { kind: Type.Literal(kind), metadata, spec: schemas[kind].properties.spec, status },
    { description: `${kind} as it is stored`, required: ['kind', 'metadata', 'spec', 'status'] },
  );

/** A resource of whatever kind, as every schema of `resourceSchema` describes it. */
export interface Resource {
  readonly kind: string;
  readonly metadata: Static<typeof metadata>;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
}

export const listSchema = (item: TSchema): TSchema =>
  Type.Object({
    items: Type.Array(item),
    continue: Type.Optional(Type.String({ description: 'token of the next page' })),
    revision: Type.Integer({ description: 'the snapshot that all pages show' }),
  });

const action = Type.Enum(['created', 'updated', 'unchanged', 'deleted']);

const conflict = Type.Object({
  with: Type.String({ description: 'the other intent' }),
  winner: Type.String({ description: 'the one whose word counts' }),
  explanation: Type.String(),
});

/** What an intent that was written means and comes to. */
const intent = Type.Object(
  {
    meaning: Type.String({ description: 'one sentence that says it without doubt' }),
    documents: Type.Array(Type.Object({ kind: Type.String(), name: Type.String(), spec: Type.Object({}, { additionalProperties: true }) })),
    conflicts: Type.Array(conflict),
  },
  { description: 'of an intent' },
);

/** How many flows a policy comes to. */
const flows = Type.Object(
  { perHost: Type.Integer(), before: Type.Integer() },
  { description: 'of a policy: at most so many flows on one host for one tenant, now and before' },
);

/** What a write did, or with `dryRun` would do. */
export const WriteResult = Type.Object({
  revision: Type.Integer(),
  dryRun: Type.Optional(Type.Literal(true)),
  results: Type.Array(
    Type.Object({
      kind: Type.String(),
      tenant: Type.Optional(Type.String()),
      name: Type.String(),
      action,
      flows: Type.Optional(flows),
      intent: Type.Optional(intent),
      warning: Type.Optional(Type.String({ description: 'what it comes to beyond the document, and what to do' })),
    }),
  ),
});
export type WriteResult = Static<typeof WriteResult>;

/** A dry run answers what would be done instead. */
export const orForeseen = (answer: TSchema): TSchema => Type.Union([answer, WriteResult]);

const milliseconds = Type.Number({ minimum: 0 });

export const setUpTimings = Type.Object({
  policyCheck: milliseconds,
  interfaceAllocation: milliseconds,
  overlayJoin: milliseconds,
  flowInstallation: milliseconds,
  qosSetup: milliseconds,
  total: milliseconds,
});

export const removalTimings = Type.Object({
  interfaceDetachment: milliseconds,
  flowCleanup: milliseconds,
  policyRemoval: milliseconds,
  bandwidthDeallocation: milliseconds,
  total: milliseconds,
});

const waiting = Type.Array(Type.Object({ host: Type.String(), reason: Type.String() }));

export const hookSchema = (timings: TSchema): TSchema =>
  Type.Object({
    vm: resourceSchema('Vm'),
    interfaces: Type.Array(
      Type.Object({
        name: Type.String(),
        portId: Type.String({ description: 'for `external_ids:iface-id`' }),
        mac: Type.String(),
        addresses: Type.Array(Type.String()),
        mtu: Type.Integer({ description: 'bytes of the largest IP packet that the guest may send' }),
        gateway: Type.Union([Type.String(), Type.Null()]),
        vni: Type.Integer(),
        subnets: Type.Array(Type.Object({ cidr: Type.String(), gateway: Type.String(), dns: Type.Array(Type.String()) })),
      }),
    ),
    timings,
    revision: Type.Integer(),
    phase: Type.Enum(['stopped', 'pending', 'prepared', 'active', 'wrong-host']),
    waiting: Type.Optional(waiting),
  });

const HostReading = Type.Object({}, { additionalProperties: true, description: 'a switch as its owner sees it' });

export const StatusAnswer = Type.Object({
  version: Type.String(),
  revision: Type.Integer({ description: 'last committed' }),
  compactedRevision: Type.Integer({ description: 'versions are kept from here on' }),
  leader: Type.Union([Type.String(), Type.Null()]),
  members: Type.Array(
    Type.Object({
      name: Type.String(),
      address: Type.String(),
      leader: Type.Boolean(),
      reachable: Type.Boolean({ description: 'as the member that was asked sees it' }),
      warnings: Type.Array(Type.String(), { description: 'what is amiss with it, and what to do' }),
    }),
  ),
  switches: Type.Array(HostReading),
});

const loggedEnd = Type.Object({
  address: Type.String(),
  tenant: Type.Optional(Type.String()),
  vm: Type.Optional(Type.String()),
  interface: Type.Optional(Type.String()),
});

const logItem = Type.Object({
  id: Type.Integer({ description: 'rises; `since` takes it' }),
  time: Type.String({ description: 'ISO 8601, UTC' }),
  tenant: Type.String({ description: 'whose interface was judged' }),
  host: Type.String(),
  tier: Type.Enum(['platform', 'tenant', 'baseline']),
  policy: Type.String(),
  rule: Type.Integer({ description: 'counts from 0' }),
  direction: Type.Enum(['ingress', 'egress']),
  verdict: Type.Enum(['allow', 'deny', 'reject']),
  packet: Type.Object({
    from: loggedEnd,
    to: loggedEnd,
    protocol: Type.String(),
    sourcePort: Type.Optional(Type.Integer()),
    port: Type.Optional(Type.Integer()),
    type: Type.Optional(Type.Integer()),
    code: Type.Optional(Type.Integer()),
    length: Type.Integer({ description: 'bytes of the IP packet' }),
  }),
  dropped: Type.Integer({ description: 'records of this policy that were not written since the last one' }),
});

/** A record of the log of policies. */
export type LogItem = Static<typeof logItem>;

export const LogAnswer = Type.Object({ items: Type.Array(logItem) });
