import { refuseIfUsed } from '../usage.ts';
import type { Handler } from './handler.ts';

export const serviceHandler: Handler<'Service'> = {
  resolve: (_draft, wanted) => wanted.spec,
  changed: (draft, before, after) => {
    if (before !== undefined && after === undefined) draft.defer(() => refuseIfUsed(draft, before));
  },
};
