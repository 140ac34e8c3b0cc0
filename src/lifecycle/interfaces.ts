import { parseAddress, parsePrefix, prefixContains } from '../base/addresses.ts';
import { portIdOf, resolveName } from '../../policies/model/index.ts';
import type { SpecOf } from '../../policies/model/index.ts';
import type { Snapshot, Stored } from '../admission/index.ts';
import type { HookInterface } from './ports.ts';

/** Bytes of the largest IP packet that a guest on `host` may send, encapsulation taken off; of any host when undefined. */
export type GuestMtu = (host: string | undefined) => number;

/** What the compute layer must know of a VM's interfaces, in the order of the document. */
export function interfacesOf(snapshot: Snapshot, vm: Stored<'Vm'>['document'], guestMtu: GuestMtu): readonly HookInterface[] {
  return vm.spec.interfaces.map((item) => {
    const owner = resolveName(vm.metadata.tenant, item.network);
    const network = snapshot.get('Network', owner.tenant, owner.name)?.document.spec;
    const subnets = network ? subnetsOf(network, item.addresses) : [];
    return {
      name: item.name,
      portId: portIdOf(vm, item.name),
      mac: item.mac,
      addresses: item.addresses,
      mtu: Math.min(network?.mtu ?? Infinity, guestMtu(vm.spec.host)),
      gateway: subnets[0]?.gateway ?? null,
      vni: network?.vni ?? 0,
      subnets,
    };
  });
}

/** The subnets in which the addresses are, in the order of the addresses. */
function subnetsOf(network: SpecOf<'Network'>, addresses: readonly string[]): HookInterface['subnets'] {
  return addresses.flatMap((text) => {
    const address = parseAddress(text);
    const subnet = network.subnets.find(({ cidr }) => prefixContains(parsePrefix(cidr), address));
    return subnet ? [{ cidr: subnet.cidr, gateway: subnet.gateway, dns: subnet.dns }] : [];
  });
}
