import { idOf } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { refusal } from '../error.ts';
import { documentKey, keyOf, routerNumbersKey } from '../keys.ts';
import type { DocumentOfKind } from '../keys.ts';
import { countUp } from '../numbers/counter.ts';
import { checkOverlap, routersOf } from '../routing.ts';
import { asSeenBy, nameOf } from '../usage.ts';
import type { Handler } from './handler.ts';

type Router = DocumentOfKind<'Router'>;

export const routerHandler: Handler<'Router'> = {
  resolve: (_draft, wanted) => wanted.spec,

  changed: (draft, before, after) => {
    const { tenant, name } = (after ?? before)?.metadata ?? { name: '' };
    if (after === undefined) draft.write(routerNumbersKey(tenant, name), undefined);
    else if (before === undefined) draft.write(routerNumbersKey(tenant, name), { domain: countUp(draft, 'domain') });
    if (after !== undefined) draft.defer(() => checkNetworks(draft, after));
  },
};

function checkNetworks(draft: Draft, router: Router): void {
  const own = keyOf({ kind: 'Router', tenant: router.metadata.tenant, name: router.metadata.name });
  for (const [index, pair] of router.spec.networks.entries()) {
    const key = documentKey('Network', pair.tenant, pair.network);
    const { tenant } = router.metadata;
    const other = routersOf(draft, key).find(
      (candidate) => keyOf({ kind: 'Router', tenant: candidate.metadata.tenant, name: candidate.metadata.name }) !== own,
    );
    if (other !== undefined) {
      const id = idOf(keyOf({ kind: 'Router', tenant: other.metadata.tenant, name: other.metadata.name }));
      const [shown = id] = asSeenBy(tenant, [id]);
      const by = shown.kind === 'Router' ? nameOf(shown) : 'a router of another tenant';
      throw refusal('in-use', `/spec/networks/${index}`, `is joined by ${by} already: a network is in at most one router`, [shown]);
    }
  }
  checkOverlap(draft, router);
}
