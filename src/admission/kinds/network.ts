import { firstUsable } from '../../../policies/model/index.ts';
import type { NetworkSpec } from '../../../policies/model/index.ts';
import { parseAddress, parsePrefix, prefixContains } from '../../base/addresses.ts';
import type { Draft } from '../draft.ts';
import { idOf } from '../draft.ts';
import { AdmissionError, refusal } from '../error.ts';
import { documentKey, freeVniKey, networkCursorKey, platformScope } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';
import { poolFirst, poolLast } from '../indexes/vnis.ts';
import { checkRouterOf } from '../routing.ts';
import { asSeenBy, foreignUsers, refuseIfUsed, refuseUsers } from '../usage.ts';
import type { Handler } from './handler.ts';

type Network = DocumentOfKind<'Network'>;

const keyOfNetwork = (network: Network): Key<Network> => documentKey('Network', network.metadata.tenant, network.metadata.name);

export const networkHandler: Handler<'Network'> = {
  release: (draft, wanted, before) => {
    if (wanted.spec.vni === undefined || wanted.spec.vni === before.spec.vni) return;
    draft.write(keyOfNetwork(before), { ...before, spec: { ...before.spec, vni: 0 } });
  },

  resolve: (draft, wanted, before) => ({
    vni: resolveVni(draft, documentKey('Network', wanted.tenant, wanted.name), wanted.spec.vni, before),
    subnets: wanted.spec.subnets.map((subnet) => ({
      cidr: subnet.cidr,
      gateway: resolveGateway(subnet, before),
      dhcp: subnet.dhcp,
      dns: subnet.dns,
    })),
    ...(wanted.spec.mtu === undefined ? {} : { mtu: wanted.spec.mtu }),
    broadcast: wanted.spec.broadcast,
    isolation: wanted.spec.isolation,
    sharedWith: wanted.spec.sharedWith,
  }),

  changed: (draft, before, after) => {
    if (before !== undefined && before.spec.vni !== after?.spec.vni) freeVni(draft, before.spec.vni);
    if (before !== undefined && after === undefined) {
      draft.write(networkCursorKey(before.metadata.tenant ?? '', before.metadata.name), undefined);
      draft.defer(() => refuseIfUsed(draft, before));
    }
    if (before !== undefined && after !== undefined) draft.defer(() => checkUsers(draft, before, after));
  },
};

/** `vni: null` of a network in use is refused like any other change of it: the check of its users comes later. */
function resolveVni(draft: Draft, key: Key<Network>, wanted: number | null | undefined, before: Network | undefined): number {
  if (wanted === undefined && before !== undefined) return before.spec.vni;
  draft.touch('vni');
  const { vnis } = draft.working;
  if (wanted === undefined || wanted === null) {
    const vni = vnis.next();
    if (vni === undefined)
      throw refusal('pool-exhausted', '/spec/vni', `cannot be given: every VNI from ${poolFirst} to ${poolLast} is in use`);
    takeVni(draft, vni);
    return vni;
  }
  const holder = vnis.networkOf(wanted);
  if (holder !== undefined && holder !== key) {
    const users = idOf(holder).tenant === idOf(key).tenant ? [idOf(holder)] : [];
    throw refusal('vni-in-use', '/spec/vni', `${wanted} belongs to another network`, users);
  }
  takeVni(draft, wanted);
  return wanted;
}

function takeVni(draft: Draft, vni: number): void {
  if (draft.working.vnis.isFreed(vni)) draft.write(freeVniKey(vni), undefined);
}

/** A VNI that nobody took meanwhile waits behind those that were released before. */
function freeVni(draft: Draft, vni: number): void {
  draft.touch('vni');
  const isPooled = vni >= poolFirst && vni <= poolLast;
  if (isPooled && draft.working.vnis.networkOf(vni) === undefined) draft.write(freeVniKey(vni), { vni });
}

function resolveGateway(
  subnet: { readonly cidr: string; readonly gateway: string | null | undefined },
  before: Network | undefined,
): string {
  if (typeof subnet.gateway === 'string') return subnet.gateway;
  const kept = subnet.gateway === null ? undefined : before?.spec.subnets.find((candidate) => candidate.cidr === subnet.cidr)?.gateway;
  return kept ?? firstUsable(parsePrefix(subnet.cidr));
}

function checkUsers(draft: Draft, before: Network, after: Network): void {
  const key = keyOfNetwork(after);
  if (before.spec.vni !== after.spec.vni) refuseUsers(after, draft.usersOf(key), 'cannot change its VNI while it is in use');
  if (before.spec.sharedWith.some((tenant) => !after.spec.sharedWith.includes(tenant))) {
    refuseUsers(
      after,
      foreignUsers(draft, key, (tenant) => after.spec.sharedWith.includes(tenant)),
      'cannot be taken back from those it is shared with',
    );
  }
  if (sameBlocks(before.spec.subnets, after.spec.subnets)) return;
  checkOccupants(draft, after);
  // A platform router reads networks of several tenants: no two of them may change unseen.
  draft.touch(platformScope);
  checkRouterOf(draft, key);
}

const sameBlocks = (before: NetworkSpec['subnets'], after: NetworkSpec['subnets']): boolean =>
  before.length === after.length &&
  before.every((subnet, index) => subnet.cidr === after[index]?.cidr && subnet.gateway === after[index]?.gateway);

/** Every address that an interface has must stay inside, and no gateway may be one of them. */
function checkOccupants(draft: Draft, network: Network): void {
  const occupants = draft.working.occupancy.addressesOf(keyOfNetwork(network));
  for (const [index, subnet] of network.spec.subnets.entries()) {
    const holder = occupants.get(subnet.gateway);
    if (holder !== undefined)
      throw refusal(
        'address-in-use',
        `/spec/subnets/${index}/gateway`,
        `${subnet.gateway} belongs to an interface of the network`,
        asSeenBy(network.metadata.tenant, [idOf(holder.vm)]),
      );
  }
  const blocks = network.spec.subnets.map((subnet) => parsePrefix(subnet.cidr));
  const outside = [...occupants.keys()].filter((text) => !blocks.some((block) => prefixContains(block, parseAddress(text)))).toSorted();
  if (outside.length === 0) return;
  const [address = ''] = outside;
  const holders = outside.map((text) => occupants.get(text)?.vm).filter((vm) => vm !== undefined);
  const users = asSeenBy(network.metadata.tenant, [...new Set(holders)].map(idOf));
  throw new AdmissionError('in-use', `/spec/subnets leave out addresses that interfaces have: ${address} and ${outside.length - 1} more`, {
    users,
    errors: [{ pointer: '/spec/subnets', detail: `leave out ${address}, which an interface has` }],
  });
}
