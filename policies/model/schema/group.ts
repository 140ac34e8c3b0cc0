import { Type } from 'typebox';
import { cidrSchema, closed, nameSchema } from './text.ts';

const selectorSchema = Type.Object(
  {
    matchLabels: Type.Optional(Type.Object({}, { additionalProperties: Type.String({ maxLength: 63 }), maxProperties: 64 })),
    matchExpressions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            key: Type.String({ minLength: 1, maxLength: 317 }),
            operator: Type.Enum(['In', 'NotIn', 'Exists', 'DoesNotExist'], { description: 'In, NotIn, Exists or DoesNotExist' }),
            values: Type.Optional(Type.Array(Type.String({ maxLength: 63 }), { maxItems: 256 })),
          },
          closed,
        ),
        { maxItems: 32 },
      ),
    ),
  },
  closed,
);

export const groupSpecSchema = Type.Object(
  {
    selector: Type.Optional(selectorSchema),
    cidrs: Type.Optional(Type.Array(cidrSchema, { maxItems: 1000 })),
    except: Type.Optional(Type.Array(cidrSchema, { maxItems: 1000 })),
    tenants: Type.Optional(
      Type.Union([Type.Literal('all'), Type.Array(nameSchema, { minItems: 1, maxItems: 1024 })], {
        description: 'all, or a list of tenants; of a platform group only',
      }),
    ),
  },
  closed,
);
