import type { Family } from '../../src/base/addresses.ts';
import type { Port } from '../model/kinds.ts';
import { isIcmp } from '../selectors/index.ts';
import { numbers } from './intervals.ts';
import type { Intervals } from './intervals.ts';

/**
 * Everything that a packet can ask for, on one line: the ports of TCP, UDP and SCTP, type and code of ICMP and ICMPv6 (type times
 * 256 and code), and one point for every other protocol, which only a rule without services matches.
 */
export type ServiceSet = Intervals<number>;

export const serviceProtocols = ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6'] as const;
type ServiceProtocol = (typeof serviceProtocols)[number];

const width = 0x10000;
export const protocolBase: Readonly<Record<ServiceProtocol, number>> = {
  tcp: 0,
  udp: width,
  sctp: 2 * width,
  icmp: 3 * width,
  icmpv6: 4 * width,
};
export const otherProtocols = 5 * width;

export const protocolLine = (protocol: ServiceProtocol): ServiceSet => [protocolBase[protocol], protocolBase[protocol] + width - 1];
export const everyService: ServiceSet = [0, otherProtocols];

/** ICMP is asked for in IPv4 only, ICMPv6 in IPv6 only. */
export const servicesPossible: Readonly<Record<Family, ServiceSet>> = {
  4: numbers.subtract(everyService, protocolLine('icmpv6')),
  6: numbers.subtract(everyService, protocolLine('icmp')),
};

/** Of a port that is a number or a range, or of an ICMP type; undefined for a port by name. */
export function servicesOf(port: Port): ServiceSet | undefined {
  const base = protocolBase[port.protocol];
  if (isIcmp(port)) {
    if (port.type === undefined) return protocolLine(port.protocol);
    const first = base + port.type * 256;
    return port.code === undefined ? [first, first + 255] : [first + port.code, first + port.code];
  }
  if (port.portName !== undefined) return undefined;
  return port.port === undefined ? protocolLine(port.protocol) : [base + port.port, base + (port.endPort ?? port.port)];
}
