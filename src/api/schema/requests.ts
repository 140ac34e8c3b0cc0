import { Type } from 'typebox';

/** What a request may say beside its body. Unknown parameters are refused: a misspelt `dryRun` must not write. */
const exact = { additionalProperties: false } as const;

const timeoutMs = Type.Optional(Type.Integer({ minimum: 1, maximum: 600_000, description: 'how long `wait` waits; 5000 when absent' }));
const dryRun = Type.Optional(Type.Boolean({ description: 'validate and say what would change; store nothing' }));

/** Of whatever answers from what is stored. */
export const consistency = {
  consistency: Type.Optional(
    Type.Enum(['linearizable', 'local'], {
      description:
        '`linearizable`, when absent: all that was acknowledged before, by any member; 503 `no-leader` without a majority. `local`: what this member has, which may be older',
    }),
  ),
};

export const timeoutMsDefault = 5000;

export const WriteQuery = Type.Object(
  {
    dryRun,
    wait: Type.Optional(Type.Literal('realized', { description: 'answer when every switch concerned has committed it' })),
    timeoutMs,
  },
  exact,
);

export const HookQuery = Type.Object({ dryRun, wait: Type.Optional(Type.Enum(['realized', 'active'])), timeoutMs }, exact);

export const ListQuery = Type.Object(
  {
    labelSelector: Type.Optional(
      Type.String({ maxLength: 4096, description: 'by the syntax of Kubernetes: `app=web,tier!=db,env in (a,b)`' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 when absent' })),
    continue: Type.Optional(Type.String({ maxLength: 1024 })),
    ...consistency,
  },
  exact,
);

export const WatchQuery = Type.Object(
  {
    since: Type.Optional(
      Type.Integer({
        minimum: 0,
        description:
          'a revision; events after it follow. Absent: from now on. All events up to N were sent once the comment `: complete N` was',
      }),
    ),
    kind: Type.Optional(Type.String({ maxLength: 32 })),
    ...consistency,
  },
  exact,
);

export const LogQuery = Type.Object(
  {
    since: Type.Optional(
      Type.Integer({ minimum: 0, description: 'the id of a record; those behind it follow, oldest first. Absent: the newest' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 when absent' })),
    follow: Type.Optional(Type.Boolean({ description: 'then go on with each new record, as server-sent events' })),
    ...consistency,
  },
  exact,
);

export const NoQuery = Type.Object({}, exact);

export const ReadQuery = Type.Object(consistency, exact);

export const ConditionHeaders = Type.Object({
  'if-match': Type.Optional(Type.String({ description: '`"REVISION"`: only when the resource is at that revision' })),
  'if-none-match': Type.Optional(Type.String({ description: '`*`: only when there is none' })),
});

const idempotencyKey = {
  'idempotency-key': Type.Optional(
    Type.String({ minLength: 1, maxLength: 255, description: 'a repeat within 24 h does nothing and answers as before' }),
  ),
};

export const HookHeaders = Type.Object({ ...ConditionHeaders.properties, ...idempotencyKey });
export const VerbHeaders = Type.Object(idempotencyKey);

export const StartBody = Type.Object({ host: Type.String({ minLength: 1, maxLength: 63 }) }, exact);
