import type { ServiceMatch } from '../compiled.ts';
import type { Port } from '../model/kinds.ts';
import { isIcmp, portOfKey, portsNamed } from '../selectors/index.ts';
import type { DeclaredPort, World } from '../selectors/index.ts';

/** A declared port and the group bit of the interfaces that declare it. */
interface NumberedPort extends DeclaredPort {
  readonly bit: number;
}

export interface ServiceScope {
  readonly world: Pick<World, 'get'>;
  /** Whose policy names the services. */
  readonly owner: string | undefined;
  /** TenantNumbers.groups of the tenant for which the rule is compiled. */
  readonly groups: Readonly<Record<string, number>>;
}

/** The distinct matches of a rule's services, in the order of their first mention. */
export function serviceMatches(scope: ServiceScope, services: readonly (string | Port)[]): readonly ServiceMatch[] {
  const ports = services.flatMap((service) => (typeof service === 'string' ? portsNamed(scope.world, scope.owner, service) : [service]));
  const distinct = new Map<string, ServiceMatch>();
  for (const match of ports.flatMap((port) => matchesOfPort(scope.groups, port))) distinct.set(JSON.stringify(match), match);
  return [...distinct.values()];
}

function matchesOfPort(groups: Readonly<Record<string, number>>, port: Port): readonly ServiceMatch[] {
  if (isIcmp(port)) return [{ protocol: port.protocol, type: port.type, code: port.code }];
  if (port.portName !== undefined) return declaredPorts(groups, port.protocol, port.portName);
  const ports = port.port === undefined ? undefined : { first: port.port, last: port.endPort ?? port.port };
  return [{ protocol: port.protocol, ports }];
}

/** One match for each value that the name has in this tenant's numbers, held to the destinations that declare that value. */
function declaredPorts(groups: Readonly<Record<string, number>>, protocol: 'tcp' | 'udp' | 'sctp', name: string): readonly ServiceMatch[] {
  const declared = Object.entries(groups).flatMap(([key, bit]): NumberedPort[] => {
    const value = portOfKey(key);
    return value?.name === name && value.protocol === protocol ? [{ ...value, bit }] : [];
  });
  return declared
    .toSorted((a, b) => a.port - b.port)
    .map(({ port, bit }) => ({ protocol, ports: { first: port, last: port }, destination: bit }));
}
