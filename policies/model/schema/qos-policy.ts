import { Type } from 'typebox';
import { appliesToSchema } from './policy.ts';
import { closed } from './text.ts';

const mbps = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const bandwidthSchema = Type.Object(
  {
    maxMbps: Type.Optional(mbps),
    guaranteedMbps: Type.Optional(mbps),
    burstKb: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
  },
  closed,
);

const timeOfDay = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', maxLength: 5, description: 'a time from 00:00 to 23:59' });
const scheduleSchema = Type.Object(
  {
    from: timeOfDay,
    to: timeOfDay,
    timezone: Type.Optional(Type.String({ maxLength: 64, default: 'UTC', description: 'a time zone of the IANA database' })),
    days: Type.Optional(
      Type.Array(Type.Enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], { description: 'mon, tue, wed, thu, fri, sat or sun' }), {
        minItems: 1,
        maxItems: 7,
        description: 'the days on which it opens; every day when absent',
      }),
    ),
  },
  { ...closed, description: 'when the policy counts; over midnight when `to` is earlier than `from`' },
);

export const qosPolicySpecSchema = Type.Object(
  {
    appliesTo: Type.Optional(appliesToSchema),
    egress: Type.Optional(bandwidthSchema),
    ingress: Type.Optional(bandwidthSchema),
    dscp: Type.Optional(Type.Integer({ minimum: 0, maximum: 63 })),
    schedule: Type.Optional(scheduleSchema),
    class: Type.Optional(Type.Enum(['vm', 'storage', 'management', 'migration'], { description: 'vm, storage, management or migration' })),
  },
  closed,
);
