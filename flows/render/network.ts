import type { FloodElement, NetworkElement } from '../../policies/compiled.ts';
import type { Action } from '../model/index.ts';
import { flowTemplate, reservedPort } from '../model/index.ts';
import { flags, gatewayMac, gatewayMacMask, peerMac, peerMacMask, registers, tables } from '../pipeline/index.ts';
import {
  apply,
  arp,
  copy,
  destinationIs,
  equals,
  flagClear,
  flow,
  goto,
  ipProtocols,
  ipv4,
  ipv6,
  masked,
  raise,
  set,
  valueOf,
  whole,
  writeMetadata,
} from './build.ts';
import type { FlowDraft } from './build.ts';
import { nameHost } from './tunnel.ts';
import type { Address } from '../../src/base/addresses.ts';

/** A network and its gateway: the way in from tunnels, the router's MAC, ARP, ND and echo for the gateway addresses. */
export function networkFlows(element: NetworkElement): readonly FlowDraft[] {
  const here = equals(registers.network, element.vni);
  const mac = gatewayMac(element.vni);
  return [
    flow(
      'tunnelNetwork',
      10,
      [equals('tunnel_id', BigInt(element.vni))],
      apply(set(registers.network, element.vni), set(registers.domain, element.domain)),
      goto('forward'),
    ),
    flow('route', 50, [here, equals('eth_dst', mac)], raise(flags.routed), goto('peer')),
    ...element.gateways.flatMap((gateway) => [addressAnswer(element.vni, gateway, mac), echoAnswer(element.domain, gateway)]),
    ...(element.isolated ? [isolation(element.vni)] : []),
  ];
}

/** Members reach each other neither directly nor by way of their gateway. */
function isolation(vni: number): FlowDraft {
  const within = [equals(registers.network, vni), equals(registers.destination, BigInt(vni))];
  return flow('nextHop', 95, [...within, flagClear(flags.entering)]);
}

const toMany = masked('eth_dst', 0x0100_0000_0000, 0x0100_0000_0000);

/**
 * Multicast and broadcast of a network that wants them: judged once for the sender, then sent to each local member (and judged for it) and
 * once to each other host, which sends it to its own members only.
 */
export function floodFlows(element: FloodElement): readonly FlowDraft[] {
  const here = equals(registers.network, element.vni);
  const members = element.zones.flatMap((zone): Action[] => [
    set(registers.destination, BigInt(zone)),
    { kind: 'resubmit', table: tables.enter.id },
  ]);
  const hosts = element.encaps.flatMap((encap): Action[] => [nameHost(encap), { kind: 'resubmit', table: tables.encap.id }]);
  const leaving = masked('metadata', flags.multicast, flags.multicast | flags.entering);
  return [
    flow('route', 100, [here, toMany], raise(flags.multicast), goto('peer')),
    flow('deliver', 30, [here, leaving], apply(...hosts, ...members)),
    flow('forward', 110, [here, toMany], apply(...members)),
  ];
}

/** ARP or ND for one address of a network: the MAC goes into metadata, `answer` does the rest. */
export function addressAnswer(vni: number, address: Address, mac: number): FlowDraft {
  return address.family === 4 ? arpAnswer(vni, Number(address.value), mac) : ndAnswer(vni, address.value, mac);
}

const arpAnswer = flowTemplate([32, 32, 48], (vni, address, mac) =>
  flow(
    'respond',
    10,
    [equals(registers.network, vni), arp, equals('arp_op', 1), equals('arp_tpa', address)],
    writeMetadata(BigInt(mac), peerMacMask),
    goto('answer'),
  ),
);

const ndAnswer = flowTemplate([32, 128, 48], (vni, address, mac) =>
  flow(
    'respond',
    10,
    [
      equals(registers.network, vni),
      ipv6,
      equals('ip_proto', ipProtocols.icmpv6),
      equals('icmpv6_type', 135),
      equals('icmpv6_code', 0),
      equals('nd_target', address),
    ],
    apply(set('icmpv6_type', 136), set('nd_options_type', 2)),
    writeMetadata(BigInt(mac), peerMacMask),
    goto('answer'),
  ),
);

/** The gateway answers echo requests itself, to whoever it routes for, by way of their own gateway too. */
function echoAnswer(domain: number, gateway: Address): FlowDraft {
  const inDomain = equals(registers.domain, domain);
  const toGateway = masked('eth_dst', gatewayMac(0), gatewayMacMask);
  const request =
    gateway.family === 4
      ? [inDomain, toGateway, ipv4, equals('ip_proto', ipProtocols.icmp), equals('icmpv4_type', 8), destinationIs(gateway)]
      : [inDomain, toGateway, ipv6, equals('ip_proto', ipProtocols.icmpv6), equals('icmpv6_type', 128), destinationIs(gateway)];
  const reply: readonly Action[] =
    gateway.family === 4
      ? [copy(whole('ipv4_src', 32), whole('ipv4_dst', 32)), set('ipv4_src', valueOf(gateway)), set('icmpv4_type', 0)]
      : [copy(whole('ipv6_src', 128), whole('ipv6_dst', 128)), set('ipv6_src', valueOf(gateway)), set('icmpv6_type', 129)];
  return flow(
    'route',
    60,
    request,
    apply(
      copy(whole('eth_dst', 48), peerMac),
      copy(whole('eth_src', 48), whole('eth_dst', 48)),
      copy(peerMac, whole('eth_src', 48)),
      ...reply,
      { kind: 'set_nw_ttl', ttl: 64 },
      { kind: 'output', port: reservedPort.inPort },
    ),
  );
}
