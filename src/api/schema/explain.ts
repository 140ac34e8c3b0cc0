import { Type, type Static } from 'typebox';

/** What `explain` is asked and what it answers. */

const exact = { additionalProperties: false } as const;
const name = Type.String({ minLength: 1, maxLength: 256 });

export const ExplainBody = Type.Object(
  {
    from: name,
    to: name,
    protocol: Type.Enum(['tcp', 'udp', 'sctp', 'icmp', 'icmpv6']),
    port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
    type: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
    code: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
    family: Type.Optional(Type.Enum([4, 6])),
    at: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0 }), Type.String({ minLength: 1, maxLength: 40 })], {
        description: 'a revision, or a time by RFC 3339 such as 2026-01-31T12:00:00Z: as it was then',
      }),
    ),
    fromAddress: Type.Optional(Type.String({ maxLength: 64, description: "another sender's address than the interface's own" })),
    fromMac: Type.Optional(Type.String({ maxLength: 17 })),
  },
  exact,
);
export type ExplainBody = Static<typeof ExplainBody>;

const decision = Type.Enum(['allow', 'deny', 'reject']);
const tier = Type.Enum(['platform', 'tenant', 'baseline']);
const optionalText = Type.Optional(Type.String());

const End = Type.Object({
  address: Type.String(),
  tenant: optionalText,
  vm: optionalText,
  interface: optionalText,
  network: optionalText,
});

const Side = Type.Object({
  verdict: decision,
  tier: Type.Enum(['platform', 'tenant', 'baseline', 'posture']),
  policy: optionalText,
  rule: Type.Optional(Type.Integer({ description: "position in the policy's list, from 0" })),
  id: Type.Optional(Type.Integer({ description: 'the number that `ct_label` records' })),
  words: optionalText,
  tried: Type.Optional(
    Type.Array(
      Type.Object({
        tier,
        policy: Type.String(),
        rule: Type.Optional(Type.Integer()),
        action: Type.Optional(Type.Enum(['allow', 'deny', 'reject', 'pass'])),
        words: optionalText,
      }),
      { description: 'the policies that apply to the interface, in the order in which they were asked' },
    ),
  ),
});

const Blocker = Type.Object({
  code: Type.Enum([
    'spoof-guard',
    'no-such-address',
    'no-route',
    'isolated',
    'vm-stopped',
    'no-host',
    'no-encap',
    'host-down',
    'wrong-host',
    'port-not-plugged',
    'not-realized',
    'switch-error',
    'other-side',
    'inconsistent',
  ]),
  detail: Type.String(),
  advice: Type.String({ description: 'what to do' }),
  side: Type.Enum(['from', 'to', 'both']),
});

const Flow = Type.Object({
  table: Type.String(),
  priority: Type.Integer(),
  match: Type.String(),
  actions: Type.String(),
  element: Type.String({ description: 'what wants it' }),
  packets: Type.Optional(Type.Integer()),
  bytes: Type.Optional(Type.Integer()),
});

const Host = Type.Object({
  name: Type.String(),
  role: Type.Enum(['sender', 'receiver', 'both']),
  connected: Type.Optional(Type.Boolean()),
  flows: Type.Array(Flow, { description: 'what the packet that opens the connection meets, in order' }),
  outcome: Type.String(),
});

export const ExplainAnswer = Type.Object({
  revision: Type.Integer(),
  passes: Type.Boolean({ description: 'the policies allow it and nothing else keeps it' }),
  verdict: decision,
  summary: Type.String(),
  question: Type.Object({
    from: End,
    to: End,
    protocol: Type.String(),
    port: Type.Optional(Type.Integer()),
    type: Type.Optional(Type.Integer()),
    code: Type.Optional(Type.Integer()),
  }),
  egress: Type.Union([Side, Type.Null()]),
  ingress: Type.Union([Side, Type.Null()]),
  blockers: Type.Array(Blocker, { description: 'what else keeps it from passing; the first is the headline' }),
  path: Type.Object({
    networks: Type.Array(Type.Object({ name: Type.String(), vni: Type.Integer() })),
    router: optionalText,
    hosts: Type.Array(Type.String()),
    tunnel: Type.Optional(Type.Object({ vni: Type.Integer(), from: optionalText, to: optionalText })),
    mtu: Type.Optional(Type.Integer()),
  }),
  hosts: Type.Array(Host),
  records: Type.Array(Type.Object({ host: Type.String(), zone: Type.Integer(), label: Type.String(), command: Type.String() }), {
    description: 'where the rule that opened a connection stands on a host',
  }),
});
export type ExplainAnswer = Static<typeof ExplainAnswer>;

export const RuleAnswer = Type.Object({
  id: Type.Integer(),
  tenant: optionalText,
  policy: Type.String(),
  direction: Type.Enum(['egress', 'ingress']),
  rule: Type.Integer(),
  words: Type.String(),
});
export type RuleAnswer = Static<typeof RuleAnswer>;
