import { platformScope, tenantCursorKey, tenantNumbersKey } from '../keys.ts';
import { countUp } from '../numbers/counter.ts';
import { refuseIfUsed } from '../usage.ts';
import type { Handler } from './handler.ts';

export const tenantHandler: Handler<'Tenant'> = {
  resolve: (_draft, wanted) => wanted.spec,

  changed: (draft, before, after) => {
    if (before === undefined && after !== undefined) {
      const name = after.metadata.name;
      // The platform's policies may concern it: none of them may change unseen.
      draft.touch(platformScope);
      draft.write(tenantNumbersKey(name), { tenant: countUp(draft, 'tenant'), groups: {} });
    }
    if (before !== undefined && after === undefined) {
      const name = before.metadata.name;
      draft.touch(platformScope);
      draft.write(tenantNumbersKey(name), undefined);
      draft.write(tenantCursorKey(name), undefined);
      draft.defer(() => refuseIfUsed(draft, before));
    }
  },
};
