import { Type } from 'typebox';
import { closed } from './text.ts';

export const intentTextMax = 500;

export const intentSpecSchema = Type.Object(
  {
    text: Type.String({
      minLength: 1,
      maxLength: intentTextMax,
      description: 'a sentence in controlled English, such as: allow web servers to reach databases on postgresql',
    }),
    order: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 65_520, multipleOf: 10, default: 500, description: 'a multiple of 10 from 0 to 65520' }),
    ),
  },
  closed,
);
