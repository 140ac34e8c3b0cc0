import { consistency } from './requests.ts';
import { Type, type Static } from 'typebox';

/** Counters of rules, as answers and as questions. */

const counted = {
  packets: Type.Integer({ description: 'of the connections that it decides, both directions' }),
  bytes: Type.Integer(),
  connections: Type.Integer({ description: 'opened, or refused when they would have been; 0 for a rule that passes' }),
  lastHit: Type.Union([Type.String(), Type.Null()], { description: 'ISO 8601; null: never since `since`' }),
  since: Type.String({ description: 'ISO 8601: from when on it is counted' }),
  flows: Type.Integer({ description: 'that it takes on all switches together' }),
};

export const CountedRule = Type.Object({
  tenant: Type.Optional(Type.String({ description: "absent: the platform's" })),
  policy: Type.String(),
  direction: Type.Enum(['ingress', 'egress']),
  rule: Type.Integer({ description: 'its place in the list, from 0' }),
  id: Type.Integer({ description: 'the number that `ct_label` of a connection records' }),
  action: Type.String(),
  ...counted,
  usage: Type.Optional(
    Type.Enum(['unused', 'too-young'], {
      description: '`unused`: not hit in those days; `too-young`: not hit, but not counted for that long either',
    }),
  ),
});
export type CountedRule = Static<typeof CountedRule>;

export const RulesAnswer = Type.Object({
  at: Type.String({ description: 'ISO 8601: when this was answered' }),
  items: Type.Array(CountedRule),
  more: Type.Boolean({ description: 'there are more than `limit`' }),
});
export type RulesAnswer = Static<typeof RulesAnswer>;

export const RulesQuery = Type.Object(
  {
    unusedDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 3650, description: 'only rules that were not hit in so many days' })),
    refresh: Type.Optional(Type.Boolean({ description: 'read the switches first, for 2 s at most' })),
    sort: Type.Optional(Type.Enum(['packets', 'bytes', 'connections'], { description: 'the most first; absent: by name' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, description: '1000 when absent' })),
    ...consistency,
  },
  { additionalProperties: false },
);
export type RulesQuery = Static<typeof RulesQuery>;
