import type { Asked } from '../../../policies/index.ts';
import { protocols } from '../../../policies/classifier/index.ts';
import { WeirError } from '../../base/errors.ts';

const endLengthMax = 255;

interface Fields {
  readonly from: unknown;
  readonly to: unknown;
  readonly protocol: unknown;
  readonly port: unknown;
  readonly type: unknown;
  readonly code: unknown;
  readonly family: unknown;
}

const known: ReadonlySet<string> = new Set<keyof Fields>(['from', 'to', 'protocol', 'port', 'type', 'code', 'family']);

/** A question as it was sent → one that can be resolved. Throws WeirError `malformed` or `unknown-field`. */
export function readAsked(raw: unknown): Asked {
  if (!isRecord(raw)) throw malformed('a question is an object');
  for (const field in raw) if (!known.has(field)) throw new WeirError('unknown-field', `a question has no field "${field.slice(0, 63)}"`);
  const { from, to, protocol, port, type, code, family } = raw as unknown as Fields;
  if (!isEnd(from)) throw malformed('from must be a VM, VM/INTERFACE or an address');
  if (!isEnd(to)) throw malformed('to must be a VM, VM/INTERFACE or an address');
  if (!isProtocol(protocol)) throw malformed('protocol must be tcp, udp, sctp, icmp or icmpv6');
  return {
    from,
    to,
    protocol,
    ...(port !== undefined && { port: whole(port, 'port', 65_535) }),
    ...(type !== undefined && { type: whole(type, 'type', 255) }),
    ...(code !== undefined && { code: whole(code, 'code', 255) }),
    ...(family !== undefined && { family: readFamily(family) }),
  };
}

const malformed = (detail: string): WeirError => new WeirError('malformed', detail);

const isRecord = (raw: unknown): raw is Readonly<Record<string, unknown>> => typeof raw === 'object' && raw !== null && !Array.isArray(raw);

const isEnd = (raw: unknown): raw is string => typeof raw === 'string' && raw.length > 0 && raw.length <= endLengthMax;

const isProtocol = (raw: unknown): raw is Asked['protocol'] => typeof raw === 'string' && Object.hasOwn(protocols, raw);

function whole(raw: unknown, field: string, max: number): number {
  if (typeof raw !== 'number' || !Number.isInteger(raw) || raw < 0 || raw > max)
    throw malformed(`${field} must be a whole number from 0 to ${max}`);
  return raw;
}

function readFamily(raw: unknown): 4 | 6 {
  if (raw !== 4 && raw !== 6) throw malformed('family must be 4 or 6');
  return raw;
}
