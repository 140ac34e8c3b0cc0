import { consistency } from './requests.ts';
import { Type, type Static, type TSchema } from 'typebox';

/** Rules that never decide, and rules that contradict each other, as `plan`, `lint` and the status of policies tell them. */

export const Rule = Type.Object({
  tenant: Type.Optional(Type.String({ description: "absent: the platform's" })),
  policy: Type.String(),
  tier: Type.Enum(['platform', 'tenant', 'baseline']),
  direction: Type.Enum(['ingress', 'egress']),
  rule: Type.Integer({ description: "position in the policy's list, from 0" }),
  action: Type.Enum(['allow', 'deny', 'reject', 'pass']),
});
export type Rule = Static<typeof Rule>;

const basis = Type.Enum(['meaning', 'members'], { description: 'holds whoever comes to exist, or for the members of today' });

export const Shadow = Type.Object({
  rule: Rule,
  kind: Type.Enum(['shadowed', 'redundant']),
  by: Type.Array(Rule),
  byCount: Type.Integer(),
  basis,
});
export type Shadow = Static<typeof Shadow>;

export const Conflict = Type.Object({ first: Rule, second: Rule, decidedBy: Type.Enum(['order', 'name']), basis });
export type Conflict = Static<typeof Conflict>;

const counted = <T extends TSchema>(item: T, description: string) =>
  Type.Object({ items: Type.Array(item), count: Type.Integer({ minimum: 0, description: 'of all, listed or not' }) }, { description });

export const LintAnswer = Type.Object({
  revision: Type.Integer(),
  verified: Type.Boolean({ description: 'false: of what was written last, some is still looked at' }),
  shadowed: counted(Shadow, 'rules that never decide, by name'),
  conflicts: counted(Conflict, 'rules that say opposite things of some packets, by name; the first decides'),
});
export type LintAnswer = Static<typeof LintAnswer>;

export const LintQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'how many of each are listed; 1000 when absent' })),
    ...consistency,
  },
  { additionalProperties: false },
);
