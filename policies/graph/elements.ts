import type { Address } from '../../src/base/addresses.ts';
import { membershipFields } from '../compile/groups.ts';
import type { Looker } from '../compile/groups.ts';
import { shapingOf } from '../compile/qos.ts';
import type { QosRule } from '../compile/qos.ts';
import { elementKey } from '../compiled.ts';
import type { Element, Raises } from '../compiled.ts';
import type { Entry } from './element-set.ts';
import { neighbourElement } from './facts.ts';
import type { Attachment } from './facts.ts';

/** From rows to the entries of element sets. */

const nowhere: readonly string[] = [];

export function entryOf(element: Element, homes = nowhere): Entry {
  return { key: elementKey(element), element, homes };
}

/** What only the hosts that carry an interface have: the interface, and the way to it. */
export function localEntries(
  host: string,
  item: Attachment,
  looker: Looker,
  qos: readonly QosRule[],
  raises: Raises | undefined,
): readonly Entry[] {
  const place = item.places.find((candidate) => candidate.host === host);
  if (place === undefined) return [];
  return [
    entryOf({
      kind: 'interface',
      portId: item.portId,
      zone: place.zone,
      tenant: item.tenantNumber,
      domain: item.domain,
      vni: item.vni,
      mac: item.mac,
      addresses: item.addresses,
      ...membershipFields(looker, item),
      ...shapingOf(qos, item.tenant, item.labels),
      ...(raises && { raises }),
    }),
    entryOf(neighbourElement(item, { kind: 'local', zone: place.zone }, true)),
  ];
}

/** The way to an interface from the hosts that do not carry it; none while its own host has no tunnel address. */
export function neighbourEntries(item: Attachment, encap: Address | undefined, answered: boolean): readonly Entry[] {
  if (encap === undefined) return [];
  const homes = item.places.map((place) => place.host);
  return [entryOf(neighbourElement(item, { kind: 'remote', encap }, answered), homes)];
}

/** Who the addresses of an interface are to one tenant's rules. */
export function identityEntries(item: Attachment, looker: Looker): readonly Entry[] {
  const membership = membershipFields(looker, item);
  return item.addresses.map((address) =>
    entryOf({ kind: 'identity', domain: item.domain, tenant: looker.tenant, address, vni: item.vni, mac: item.mac, ...membership }),
  );
}
