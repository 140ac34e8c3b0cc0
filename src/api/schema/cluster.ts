import { Type, type Static } from 'typebox';

const exact = { additionalProperties: false } as const;

const Runs = Type.Object(
  {
    release: Type.String({ maxLength: 64 }),
    version: Type.Integer({ minimum: 1, description: 'the highest version that it speaks and stores' }),
    versionMin: Type.Integer({ minimum: 1, description: 'the lowest' }),
  },
  exact,
);

export const ClusterAnswer = Type.Object({
  cluster: Type.String({ description: 'its identity: data of two clusters never meets' }),
  from: Type.String({ description: 'the member who says so: the leader, where there is one' }),
  leader: Type.Union([Type.String(), Type.Null()]),
  term: Type.Integer(),
  commit: Type.Integer({ description: 'entry of the log up to which everything is committed' }),
  applied: Type.Integer(),
  revision: Type.Integer(),
  version: Type.Integer({ description: 'what members say to each other and store: the highest that all of them know; it never falls' }),
  members: Type.Array(
    Type.Object({
      id: Type.String(),
      address: Type.String({ description: 'HOST:PORT for the other members; empty: none' }),
      role: Type.Enum(['voter', 'learner'], { description: 'a learner votes once it has all data' }),
      leader: Type.Boolean(),
      joined: Type.Boolean({ description: 'whether it was ever there' }),
      reachable: Type.Boolean({ description: 'by the one who says so' }),
      match: Type.Union([Type.Integer(), Type.Null()], { description: "entry up to which its log is known to agree with the leader's" }),
      runs: Type.Union([Runs, Type.Null()], { description: 'when it was last there' }),
      warnings: Type.Optional(
        Type.Array(Type.String(), { description: 'what is amiss with it, and what to do; earlier releases do not say' }),
      ),
    }),
  ),
});
export type ClusterAnswer = Static<typeof ClusterAnswer>;

export const MemberBody = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 63, description: 'lower case letters, digits, dashes; never one that was removed' }),
    address: Type.String({ minLength: 3, maxLength: 262, description: 'HOST:PORT where it listens for the other members' }),
    runs: Type.Optional(Runs),
  },
  exact,
);

export const TransferBody = Type.Object(
  { to: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'absent: the voter that has most' })) },
  exact,
);
