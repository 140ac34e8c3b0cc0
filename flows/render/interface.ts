import type { InterfaceElement, RateLimit } from '../../policies/compiled.ts';
import { linkLocalOf } from '../../src/base/addresses.ts';
import type { Instruction, Meter } from '../model/index.ts';
import { flags, registers, tenantInView } from '../pipeline/index.ts';
import { apply, arp, equals, flagClear, flagSet, flow, goto, ipProtocols, ipv4, ipv6, set, sourceIs } from './build.ts';
import type { FlowDraft } from './build.ts';

/** A local interface, but for the two flows that need its port's number (`portFlows`). */
export function interfaceFlows(element: InterfaceElement): readonly FlowDraft[] {
  return [locate(element), ...security(element), ...qos(element), ...raising(element)];
}

function locate(element: InterfaceElement): FlowDraft {
  return flow(
    'local',
    10,
    [equals(registers.zone, element.zone)],
    apply(
      set(registers.domain, element.domain),
      set(registers.tenant, tenantInView(element)),
      set(registers.network, element.vni),
      set(registers.localGroups, element.set ?? element.groups),
    ),
    goto('security'),
  );
}

/** What an interface may send: from its own MAC and addresses only, and ARP and ND that say the same inside. */
function security(element: InterfaceElement): readonly FlowDraft[] {
  const sender = [equals(registers.zone, element.zone), equals('eth_src', element.mac)];
  const solicitation = [ipv6, equals('ip_proto', ipProtocols.icmpv6), equals('icmpv6_type', 135), equals('icmpv6_code', 0)];
  const flowsOut: FlowDraft[] = [];
  let speaksIpv6 = false;
  for (const address of element.addresses) {
    if (address.family === 4) {
      flowsOut.push(
        flow('security', 100, [...sender, ipv4, sourceIs(address)], goto('route')),
        flow(
          'security',
          100,
          [...sender, arp, equals('arp_op', 1), equals('arp_sha', element.mac), equals('arp_spa', Number(address.value))],
          goto('respond'),
        ),
      );
    } else {
      speaksIpv6 = true;
      flowsOut.push(flow('security', 100, [...sender, ipv6, sourceIs(address)], goto('guard')));
    }
  }
  if (speaksIpv6) {
    flowsOut.push(
      flow('security', 100, [...sender, ...solicitation, equals('ipv6_src', linkLocalOf(element.mac).value)], goto('guard')),
      flow('guard', 20, [equals(registers.zone, element.zone), ...solicitation, equals('nd_sll', element.mac)], goto('respond')),
    );
  }
  return flowsOut;
}

/** Meter numbers of a zone: one for each direction, and one for each kind of packet that comes up to the controller. */
const egressMeterId = (zone: number): number => zone * 4;
const ingressMeterId = (zone: number): number => zone * 4 + 1;
const rejectMeterId = (zone: number): number => zone * 4 + 2;
const logMeterId = (zone: number): number => zone * 4 + 3;

/** Packets a second of one interface that come up to the controller, and how many at once. */
export const raisedPacketRates = { reject: { perSecond: 50, burst: 100 }, log: { perSecond: 50, burst: 200 } } as const;

/** Meters of an interface. What comes up is bounded for each kind and interface, so that none can drown another's. */
export function interfaceMeters({ zone, egress, ingress, raises }: InterfaceElement): readonly Meter[] {
  const common = { burst: true, stats: true } as const;
  const shaping = (meterId: number, limit: RateLimit | undefined): readonly Meter[] =>
    limit ? [{ ...common, meterId, unit: 'kbps', bands: [{ kind: 'drop', rate: limit.maxKbps, burst: limit.burstKb }] }] : [];
  const raising = (meterId: number, kind: keyof typeof raisedPacketRates): readonly Meter[] => {
    const { perSecond, burst } = raisedPacketRates[kind];
    return raises?.[kind] === true ? [{ ...common, meterId, unit: 'pktps', bands: [{ kind: 'drop', rate: perSecond, burst }] }] : [];
  };
  return [
    ...shaping(egressMeterId(zone), egress),
    ...shaping(ingressMeterId(zone), ingress),
    ...raising(rejectMeterId(zone), 'reject'),
    ...raising(logMeterId(zone), 'log'),
  ];
}

/**
 * What an ICMPv6 error may quote (RFC 4443 section 2.4 c), which is more than ICMP quotes; and the headers that a record is made of.
 * Both with the Ethernet header.
 */
const rejectedBytesMax = 14 + 1232;
const loggedBytesMax = 14 + 114;

/** A flow without its meter is refused by the switch: then nothing comes up, and a reject is a deny. */
function raising({ zone, raises }: InterfaceElement): readonly FlowDraft[] {
  const here = equals(registers.zone, zone);
  const raise = (maxLen: number, meterId: number): Instruction => apply({ kind: 'controller2', maxLen, meterId });
  return [
    ...(raises?.reject === true ? [flow('reject', 10, [here, flagSet(flags.rejected)], raise(rejectedBytesMax, rejectMeterId(zone)))] : []),
    ...(raises?.log === true ? [flow('log', 10, [here], raise(loggedBytesMax, logMeterId(zone)))] : []),
  ];
}

function qos(element: InterfaceElement): readonly FlowDraft[] {
  const zone = equals(registers.zone, element.zone);
  const flowsOut: FlowDraft[] = [];
  const metered = element.egress === undefined ? [] : [{ kind: 'meter', meterId: egressMeterId(element.zone) } as const];
  if (element.dscp !== undefined) {
    for (const family of [ipv4, ipv6])
      flowsOut.push(
        flow('qos', 10, [zone, flagClear(flags.entering), family], ...metered, apply(set('ip_dscp', element.dscp)), goto('deliver')),
      );
  } else if (metered.length > 0) {
    flowsOut.push(flow('qos', 10, [zone, flagClear(flags.entering)], ...metered, goto('deliver')));
  }
  if (element.ingress !== undefined) {
    flowsOut.push(
      flow('qos', 10, [zone, flagSet(flags.entering)], { kind: 'meter', meterId: ingressMeterId(element.zone) }, goto('deliver')),
    );
  }
  return flowsOut;
}

/** The two flows that tie a zone to the port that is plugged now: nothing passes before they stand. */
export function portFlows(element: InterfaceElement, ofport: number): readonly FlowDraft[] {
  const untagged = equals('vlan_vid', 0);
  return [
    flow('classify', 10, [equals('in_port', ofport), untagged], apply(set(registers.zone, element.zone)), goto('local')),
    flow('output', 10, [equals(registers.zone, element.zone)], apply({ kind: 'output', port: ofport })),
  ];
}
