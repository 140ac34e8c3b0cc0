import type { Port } from '../model/kinds.ts';
import { profiles } from '../model/profiles.ts';
import { resolveName } from '../model/scope.ts';
import { scopedText } from './groups.ts';
import type { World } from './world.ts';

/**
 * The ports of a service that a document of `owner` names: its own, else the platform's, else the built-in profile of that
 * name. Empty when there is none.
 */
export function portsNamed(world: Pick<World, 'get'>, owner: string | undefined, name: string): readonly Port[] {
  const { tenant, name: bare } = resolveName(owner, name);
  const service = world.get('Service', tenant, bare) ?? world.get('Service', undefined, bare);
  return service?.document.spec.ports ?? profiles.get(bare) ?? [];
}

/** The documents, as `scopedText` writes them, on whose presence `portsNamed` depends. */
export function servicesMeant(owner: string | undefined, name: string): readonly string[] {
  const { tenant, name: bare } = resolveName(owner, name);
  return [scopedText({ tenant, name: bare }), scopedText({ tenant: undefined, name: bare })];
}

type IcmpPort = Extract<Port, { readonly protocol: 'icmp' | 'icmpv6' }>;

export const isIcmp = (port: Port): port is IcmpPort => port.protocol === 'icmp' || port.protocol === 'icmpv6';

/** A port that interfaces declare by name. */
export interface DeclaredPort {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
}

/**
 * The key in TenantNumbers.groups of the interfaces that declare `name` as this very port. Such a set has a bit like a group,
 * because the port behind one name differs between interfaces. No group has a colon in its key.
 */
export const portKey = (declared: DeclaredPort): string => `port:${declared.name}:${declared.protocol}:${declared.port}`;

/** The inverse of `portKey`; undefined when the key is a group's. */
export function portOfKey(key: string): DeclaredPort | undefined {
  const [kind, name, protocol, port] = key.split(':');
  if (kind !== 'port' || name === undefined) return undefined;
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') return undefined;
  return { name, protocol, port: Number(port) };
}
