import type { IdentityElement, NeighbourElement } from '../../policies/compiled.ts';
import { flags, peerMacMask, registers, tenantInView } from '../pipeline/index.ts';
import { apply, destinationIs, equals, flagClear, flow, goto, ipOf, raise, set, valueOf, writeMetadata } from './build.ts';
import type { FlowDraft } from './build.ts';
import { addressAnswer } from './network.ts';
import { nameHost } from './tunnel.ts';

/** Shared by the flows of all neighbours, which are the most that a host has. */
const notFromTunnel = flagClear(flags.tunnel);
const toRemote = raise(flags.remote);

/** The way to one interface of a network: by MAC and address together, so that a frame reaches only the owner of both. */
export function neighbourFlows(element: NeighbourElement): readonly FlowDraft[] {
  const { at } = element;
  return element.addresses.flatMap((address) => {
    const wanted = [equals(registers.network, element.vni), equals('eth_dst', element.mac), ipOf(address), destinationIs(address)];
    const way =
      at.kind === 'local'
        ? flow('forward', 10, wanted, apply(set(registers.destination, BigInt(at.zone))), goto('side'))
        : flow('forward', 10, [...wanted, notFromTunnel], apply(nameHost(at.encap)), toRemote, goto('side'));
    return element.answered ? [way, addressAnswer(element.vni, address, element.mac)] : [way];
  });
}

/** Who an address is to one tenant's rules. */
export function identityFlows(element: IdentityElement): readonly FlowDraft[] {
  const { address } = element;
  return [
    flow(
      'identity',
      10,
      [
        ipOf(address),
        equals(registers.domain, element.domain),
        equals(registers.tenant, tenantInView(element)),
        equals(address.family === 4 ? registers.peer4 : registers.peer6, valueOf(address)),
      ],
      apply(set(registers.destination, BigInt(element.vni)), set(registers.peerGroups, element.set ?? element.groups)),
      writeMetadata(BigInt(element.mac), peerMacMask),
      goto('nextHop'),
    ),
  ];
}
