import { readPacket } from '../../flows/responders/index.ts';
import type { Packet } from '../../flows/responders/index.ts';
import { formatAddress } from '../base/addresses.ts';
import type { Address } from '../base/addresses.ts';
import type { LoggedPacket } from '../controller/ports.ts';
import type { NamedInterface, NamedRule, Names } from './names.ts';
import type { LoggedEnd, LogRecord, UnnumberedRecord } from './ports.ts';

/** A logged packet with what its numbers stood for when it came. */
export interface Named {
  readonly packet: LoggedPacket;
  readonly rule: NamedRule & { readonly action: LogRecord['verdict'] };
  readonly local: NamedInterface;
  readonly wallMs: number;
}

const protocolNames: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6', 132: 'sctp' };

/** @throws DecodeError when the packet cannot be read */
export function recordOf(named: Named, names: Names, dropped: number): UnnumberedRecord {
  const { packet: logged, rule, local, wallMs } = named;
  const packet = readPacket(logged.frame);
  const own = endOf(logged.entering ? packet.destination : packet.source, local);
  const remote = logged.entering ? packet.source : packet.destination;
  const place = logged.ownerOf(remote);
  const other = endOf(remote, place && names.at(place.vni, place.mac));
  const [from, to] = logged.entering ? [other, own] : [own, other];
  return {
    time: new Date(wallMs).toISOString(),
    tenant: local.tenant,
    host: logged.host,
    tier: rule.tier,
    policy: rule.policy,
    rule: rule.rule,
    direction: rule.direction,
    verdict: rule.action,
    packet: { from, to, protocol: protocolNames[packet.protocol] ?? String(packet.protocol), ...asked(packet), length: packet.length },
    dropped,
  };
}

function endOf(address: Address, named: NamedInterface | undefined): LoggedEnd {
  return { address: formatAddress(address), ...(named && { tenant: named.tenant, vm: named.vm, interface: named.interface }) };
}

function asked({ transport }: Packet): Pick<LogRecord['packet'], 'sourcePort' | 'port' | 'type' | 'code'> {
  if (!transport) return {};
  return 'port' in transport ? { sourcePort: transport.sourcePort, port: transport.port } : { type: transport.type, code: transport.code };
}

/** As the tenant may see it: of other tenants' interfaces it learns the address alone. */
export function seenByTenant(record: LogRecord): LogRecord {
  const seen = (end: LoggedEnd): LoggedEnd => (end.tenant === undefined || end.tenant === record.tenant ? end : { address: end.address });
  const { packet } = record;
  return { ...record, packet: { ...packet, from: seen(packet.from), to: seen(packet.to) } };
}
