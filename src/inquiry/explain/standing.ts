import { routingDomains, scopedText } from '../../../policies/selectors/index.ts';
import type { VmDocument } from '../../../policies/selectors/index.ts';
import type { End } from '../../../policies/index.ts';
import { portIdOf, resolveName } from '../../../policies/model/index.ts';
import type { NetworkSpec, VmInterface } from '../../../policies/model/index.ts';
import { parseAddress, parseMac } from '../../base/addresses.ts';
import type { Address, Mac } from '../../base/addresses.ts';
import type { Snapshot } from '../../admission/index.ts';

/** An end of a connection that is an interface, with what the documents say of it. */
export interface Attached {
  readonly kind: 'interface';
  readonly address: Address;
  readonly tenant: string;
  readonly vm: VmDocument;
  readonly item: VmInterface;
  readonly portId: string;
  readonly mac: Mac;
  readonly network: NamedNetwork;
  /** The routing domain, by name: `router …` or `network …`. */
  readonly domain: string;
  /** Where it runs; undefined while it is stopped or has no host. */
  readonly host: string | undefined;
}

/** An address that is no interface's; a gateway's when `gatewayOf` says so. */
export interface Unattached {
  readonly kind: 'address';
  readonly address: Address;
  readonly gatewayOf: NamedNetwork | undefined;
}

export type Standing = Attached | Unattached;

export interface NamedNetwork {
  readonly tenant: string;
  readonly name: string;
  readonly spec: NetworkSpec;
}

/** What the two ends are. Reads every router once. */
export function standings(snapshot: Snapshot, from: End, to: End): { readonly from: Standing; readonly to: Standing } {
  const domainOf = routingDomains(snapshot);
  const stand = (end: End): Standing =>
    attached(snapshot, domainOf, end) ?? { kind: 'address', address: end.address, gatewayOf: undefined };
  const [source, destination] = [stand(from), stand(to)];
  if (source.kind !== 'interface' || destination.kind === 'interface') return { from: source, to: destination };
  return { from: source, to: { ...destination, gatewayOf: gatewayAt(snapshot, domainOf, source, destination.address) } };
}

function attached(snapshot: Snapshot, domainOf: ReturnType<typeof routingDomains>, { address, owner }: End): Attached | undefined {
  const vm = owner && snapshot.get('Vm', owner.tenant, owner.vm)?.document;
  const item = vm?.spec.interfaces.find(({ name }) => name === owner?.interface);
  const network = owner && item && networkOf(snapshot, owner.tenant, item.network);
  if (!owner || !vm || !item || !network) return undefined;
  return {
    kind: 'interface',
    address,
    tenant: owner.tenant,
    vm,
    item,
    portId: portIdOf(vm, item.name),
    mac: parseMac(item.mac),
    network,
    domain: domainOf(owner.tenant, item.network),
    host: vm.spec.power === 'running' ? vm.spec.host : undefined,
  };
}

function networkOf(snapshot: Snapshot, tenant: string, reference: string): NamedNetwork | undefined {
  const scoped = resolveName(tenant, reference);
  const spec = snapshot.get('Network', scoped.tenant, scoped.name)?.document.spec;
  return spec && { tenant: scoped.tenant ?? tenant, name: scoped.name, spec };
}

/** The network of the sender's domain whose gateway has the address. */
function gatewayAt(
  snapshot: Snapshot,
  domainOf: ReturnType<typeof routingDomains>,
  { domain, network }: Attached,
  address: Address,
): NamedNetwork | undefined {
  for (const { tenant, name } of [{ tenant: network.tenant, name: network.name }, ...routed(snapshot, domain)]) {
    const spec = snapshot.get('Network', tenant, name)?.document.spec;
    const isGateway = spec?.subnets.some((subnet) => {
      const gateway = parseAddress(subnet.gateway);
      return gateway.family === address.family && gateway.value === address.value;
    });
    if (spec && isGateway === true && domainOf(tenant, `${tenant}/${name}`) === domain) return { tenant, name, spec };
  }
  return undefined;
}

/** The networks that a router joins. */
export function routed(snapshot: Snapshot, domain: string): readonly { readonly tenant: string; readonly name: string }[] {
  for (const { document } of snapshot.list('Router')) {
    const { tenant, name } = document.metadata;
    if (`router ${scopedText({ tenant, name })}` === domain)
      return document.spec.networks.map((entry) => ({ tenant: entry.tenant, name: entry.network }));
  }
  return [];
}
