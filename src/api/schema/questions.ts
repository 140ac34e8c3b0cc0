import { Type } from 'typebox';

/** So many questions in one request; `weir decide` asks for no more at once. */
export const questionsMax = 10_000;

const end = Type.String({
  description: '`vm`, `vm/interface` or an address; without a tenant in the path `tenant/vm` or `tenant/vm/interface`',
});

/** What a question is made of. Each is judged by itself, so that a bad one costs no other its answer. */
const Question = Type.Object({
  from: end,
  to: end,
  protocol: Type.Enum(['tcp', 'udp', 'sctp', 'icmp', 'icmpv6']),
  port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'of the destination: tcp, udp and sctp need one' })),
  type: Type.Optional(Type.Integer({ minimum: 0, maximum: 255, description: 'of ICMP; an echo request when absent' })),
  code: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
  family: Type.Optional(Type.Enum([4, 6])),
});

export const DecideBody = Type.Object(
  { questions: Type.Array(Question, { minItems: 1, maxItems: questionsMax }) },
  { additionalProperties: false },
);

const verdict = Type.Enum(['allow', 'deny', 'reject']);

const side = Type.Union([
  Type.Null({ description: 'that end is no interface' }),
  Type.Object({
    verdict,
    tier: Type.Enum(['platform', 'tenant', 'baseline', 'posture']),
    policy: Type.Optional(
      Type.String({ description: 'the policy that decided; to a tenant not at the end of another, and not when the posture did' }),
    ),
    rule: Type.Optional(Type.Integer({ minimum: 0, description: 'its rule for that direction, from 0' })),
  }),
]);

export const DecideAnswer = Type.Object({
  revision: Type.Integer({ description: 'of all answers; at least that of every write acknowledged before' }),
  answers: Type.Array(
    Type.Union([
      Type.Object({ verdict, egress: side, ingress: side }),
      Type.Object({ error: Type.Object({ code: Type.String(), detail: Type.String() }) }),
    ]),
    { description: 'in the order asked' },
  ),
});
