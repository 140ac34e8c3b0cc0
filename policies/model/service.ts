import type { Findings } from './issue.ts';
import type { Port, ServiceSpec } from './kinds.ts';
import type { RawSpec } from './schema/resource.ts';

type RawPort = RawSpec<'Service'>['ports'][number];

export function parseService(spec: RawSpec<'Service'>, findings: Findings): ServiceSpec {
  return { ports: spec.ports.map((port, index) => parsePort(port, `/spec/ports/${index}`, findings)) };
}

/** A port of a service, or one that a rule writes itself. */
export function parsePort(raw: RawPort, pointer: string, findings: Findings): Port {
  return raw.protocol === 'icmp' || raw.protocol === 'icmpv6'
    ? parseIcmp(raw, raw.protocol, pointer, findings)
    : parseTransport(raw, raw.protocol, pointer, findings);
}

function parseIcmp(raw: RawPort, protocol: 'icmp' | 'icmpv6', pointer: string, findings: Findings): Port {
  for (const field of ['port', 'endPort', 'portName'] as const)
    if (raw[field] !== undefined) findings.add(`${pointer}/${field}`, `${protocol} has no ports`);
  if (raw.code !== undefined && raw.type === undefined) findings.add(`${pointer}/code`, 'needs a type');
  return { protocol, ...(raw.type === undefined ? {} : { type: raw.type }), ...(raw.code === undefined ? {} : { code: raw.code }) };
}

function parseTransport(raw: RawPort, protocol: 'tcp' | 'udp' | 'sctp', pointer: string, findings: Findings): Port {
  for (const field of ['type', 'code'] as const)
    if (raw[field] !== undefined) findings.add(`${pointer}/${field}`, `${protocol} has none: it belongs to icmp and icmpv6`);
  if (raw.portName !== undefined) {
    for (const field of ['port', 'endPort'] as const)
      if (raw[field] !== undefined) findings.add(`${pointer}/${field}`, 'does not go with portName');
    return { protocol, portName: raw.portName };
  }
  if (raw.endPort !== undefined && raw.port === undefined) findings.add(`${pointer}/endPort`, 'needs a port');
  if (raw.endPort !== undefined && raw.port !== undefined && raw.endPort < raw.port)
    findings.add(`${pointer}/endPort`, 'is less than port');
  return {
    protocol,
    ...(raw.port === undefined ? {} : { port: raw.port }),
    ...(raw.endPort === undefined ? {} : { endPort: raw.endPort }),
  };
}
