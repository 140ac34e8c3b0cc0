import type { IdentityElement, NeighbourElement } from '../../policies/compiled.ts';
import { flowTemplate } from '../model/index.ts';
import type { MatchField } from '../model/index.ts';
import { flags, peerMacMask, registers, tenantInView } from '../pipeline/index.ts';
import { apply, destinationIs, equals, flagClear, flow, goto, ipOf, ipv4, ipv6, raise, set, writeMetadata } from './build.ts';
import type { FlowDraft } from './build.ts';
import { addressAnswer } from './network.ts';
import { hostKey } from './tunnel.ts';

/** The way to one interface of a network: by MAC and address together, so that a frame reaches only the owner of both. */
export function neighbourFlows({ vni, mac, addresses, at, answered }: NeighbourElement): readonly FlowDraft[] {
  const drafts: FlowDraft[] = [];
  for (const address of addresses) {
    if (at.kind === 'local') drafts.push(localWay(frames(vni, mac, ipOf(address), destinationIs(address)), at.zone));
    else if (address.family === 4) drafts.push(remoteWay4(vni, mac, Number(address.value), hostKey(at.encap)));
    else drafts.push(remoteWay6(vni, mac, address.value, hostKey(at.encap)));
    if (answered) drafts.push(addressAnswer(vni, address, mac));
  }
  return drafts;
}

const frames = (vni: number, mac: number, ...destination: readonly MatchField[]): readonly MatchField[] => [
  equals(registers.network, vni),
  equals('eth_dst', mac),
  ...destination,
];

const localWay = (wanted: readonly MatchField[], zone: number): FlowDraft =>
  flow('forward', 10, wanted, apply(set(registers.destination, BigInt(zone))), goto('side'));

const notFromTunnel = flagClear(flags.tunnel);

const remoteWay = (wanted: readonly MatchField[], host: bigint): FlowDraft =>
  flow('forward', 10, [...wanted, notFromTunnel], apply(set(registers.destination, host)), raise(flags.remote), goto('side'));

const remoteWay4 = flowTemplate([32, 48, 32, 64], (vni, mac, address, host) =>
  remoteWay(frames(vni, mac, ipv4, equals('ipv4_dst', address)), host),
);

const remoteWay6 = flowTemplate([32, 48, 128, 64], (vni, mac, address, host) =>
  remoteWay(frames(vni, mac, ipv6, equals('ipv6_dst', address)), host),
);

/** Who an address is to one tenant's rules. */
export function identityFlows(element: IdentityElement): readonly FlowDraft[] {
  const { address, domain, vni, mac, set: number, groups } = element;
  const tenant = tenantInView(element);
  return address.family === 4
    ? [identity4(domain, tenant, Number(address.value), vni, mac, number ?? groups)]
    : [identity([ipv6, ...lookedUp(domain, tenant), equals(registers.peer6, address.value)], vni, mac, number ?? groups)];
}

const lookedUp = (domain: number, tenant: number): readonly MatchField[] => [
  equals(registers.domain, domain),
  equals(registers.tenant, tenant),
];

const identity = (wanted: readonly MatchField[], vni: number, mac: number, groups: bigint): FlowDraft =>
  flow(
    'identity',
    10,
    wanted,
    apply(set(registers.destination, BigInt(vni)), set(registers.peerGroups, groups)),
    writeMetadata(BigInt(mac), peerMacMask),
    goto('nextHop'),
  );

const identity4 = flowTemplate([32, 32, 32, 32, 48, 128], (domain, tenant, address, vni, mac, groups) =>
  identity([ipv4, ...lookedUp(domain, tenant), equals(registers.peer4, address)], vni, mac, groups),
);
