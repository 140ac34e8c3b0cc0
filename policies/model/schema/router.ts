import { Type } from 'typebox';
import { closed, nameSchema, scopedNameSchema } from './text.ts';

/** A tenant writes names, the platform writes pairs: which of the two a document may hold is checked by `parseRouter`. */
export const routerSpecSchema = Type.Object(
  {
    networks: Type.Array(
      Type.Union([scopedNameSchema, Type.Object({ tenant: nameSchema, network: nameSchema }, closed)], {
        description: 'NAME, or TENANT/NAME of a shared network; in a platform router { tenant, network }',
      }),
      { maxItems: 256 },
    ),
  },
  closed,
);
