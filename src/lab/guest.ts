import { formatMac, parseAddress, parseMac } from '../base/addresses.ts';
import { WeirError } from '../base/errors.ts';
import { expectSuccess } from './command.ts';
import type { Hypervisor } from './hypervisor.ts';
import type { Links } from './links.ts';
import { endProcesses, listNamespaces, processesIn, runScriptIn } from './namespace.ts';

/** The interface of a VM as the controller allocated it. */
export interface InterfaceRequest {
  readonly name: string;
  /** What `external_ids:iface-id` says. */
  readonly portId: string;
  readonly mac: string;
  readonly addresses: readonly { readonly address: string; readonly prefixLength: number }[];
  readonly mtu: number;
  /** Next hops of default routes, at most one for each family. */
  readonly gateways: readonly string[];
}

export interface PlugRequest {
  readonly tenant: string;
  readonly vm: string;
  readonly host: string;
  readonly interfaces: readonly InterfaceRequest[];
  /** How long the host may take to get its br-int. Default 10,000. */
  readonly bridgeTimeoutMs?: number;
  /** Whether the guest listens to router advertisements besides its fixed addresses. Default false. */
  readonly routerAdvertisements?: boolean;
}

export interface GuestInterface extends InterfaceRequest {
  /** The guest's end: eth0, eth1, … */
  readonly device: string;
  /** The hypervisor's end, which is the port of br-int. */
  readonly port: string;
  /** Null until the switch has the port. */
  readonly ofport: number | null;
}

/** A VM as the lab plays it: a namespace with a veth for each interface. Plain data, kept in the lab's directory. */
export interface Guest {
  readonly tenant: string;
  readonly vm: string;
  readonly host: string;
  /** Never used again in the same lab. */
  readonly number: number;
  readonly netns: string;
  readonly routerAdvertisements: boolean;
  readonly interfaces: readonly GuestInterface[];
}

/** Turns a request into a guest that has yet to be made; addresses and MACs are checked on the way. */
export function planGuest(request: PlugRequest, number: number, netns: string): Guest {
  if (request.interfaces.length === 0) throw new WeirError('malformed', `${request.tenant}/${request.vm} has no interface to plug`);
  const interfaces = request.interfaces.map((item, index) => {
    for (const { address } of item.addresses) parseAddress(address);
    for (const gateway of item.gateways) parseAddress(gateway);
    return { ...item, mac: formatMac(parseMac(item.mac)), device: `eth${index}`, port: `g${number}-${index}`, ofport: null };
  });
  const { tenant, vm, host, routerAdvertisements = false } = request;
  return { tenant, vm, host, number, netns, routerAdvertisements, interfaces };
}

/** Makes the namespace and its links, then shows the ports to the switch. Returns the guest with its port numbers. */
export async function makeGuest(guest: Guest, host: Hypervisor, links: Links, bridgeTimeoutMs: number): Promise<Guest> {
  await expectSuccess(['ip', 'netns', 'add', guest.netns]);
  for (const item of guest.interfaces) {
    const ends = [
      { netns: host.netns, device: item.port },
      { netns: guest.netns, device: item.device, mac: item.mac },
    ] as const;
    await links.createVeth(...ends, item.mtu);
  }
  await Promise.all([
    runScriptIn(guest.netns, guestScript(guest)),
    runScriptIn(
      host.netns,
      guest.interfaces.map((item) => `ethtool -K ${item.port} tx off >/dev/null`),
    ),
  ]);
  const interfaces: GuestInterface[] = [];
  for (const item of guest.interfaces) {
    const externalIds = { 'iface-id': item.portId, 'attached-mac': item.mac, 'iface-status': 'active' };
    interfaces.push({ ...item, ofport: await host.addPort(item.port, externalIds, bridgeTimeoutMs) });
  }
  return { ...guest, interfaces };
}

/** Takes a guest away with everything that runs in it. Parts that are not there any more are no error. */
export async function removeGuestParts(guest: Guest, host: Hypervisor): Promise<void> {
  for (const item of guest.interfaces) await host.removePort(item.port);
  const left = await endProcesses(await processesIn([guest.netns]));
  if (left.length > 0) throw new WeirError('process-stuck', `processes ${left.join(', ')} in ${guest.netns} do not end`);
  if ((await listNamespaces()).includes(guest.netns)) await expectSuccess(['ip', 'netns', 'delete', guest.netns]);
}

/**
 * The userspace datapath needs complete checksums, hence `tx off`. Addresses come from a controller that hands out
 * each only once, so duplicate address detection would only delay the first packet by a second.
 */
function guestScript(guest: Guest): string[] {
  const lines = ['ip link set lo up'];
  guest.interfaces.forEach(({ device, addresses, gateways }, index) => {
    const settings = `/proc/sys/net/ipv6/conf/${device}`;
    lines.push(`echo 0 > ${settings}/accept_dad`, `echo ${guest.routerAdvertisements ? 1 : 0} > ${settings}/accept_ra`);
    lines.push(`ethtool -K ${device} tx off >/dev/null`, `ip link set ${device} up`);
    for (const { address, prefixLength } of addresses) lines.push(`ip address add ${address}/${prefixLength} dev ${device}`);
    for (const gateway of gateways) lines.push(`ip route add default via ${gateway} dev ${device} metric ${100 + index}`);
  });
  return lines;
}
