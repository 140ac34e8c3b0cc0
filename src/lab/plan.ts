import { join } from 'node:path';
import { WeirError } from '../base/errors.ts';

/**
 * Names and addresses of a lab, all derived from its name, its number and the number of its hosts.
 *
 *   root namespace            <lab>-ul (two Linux bridges)           <lab>-h1, <lab>-h2, …
 *   weir-lab<n>  ──────────── mgmt      ──────────────────────────── mg0       198.18.n.11
 *                                       ──────── mg0 198.18.n.2 in <lab>-c1, <lab>-c2, … (stations, when they are asked for)
 *   198.18.n.1                underlay  ──────────────────────────── ul0 ── br-underlay (Open vSwitch) 198.19.n.11
 *                             198.19.n.254
 *
 * Control traffic has a network of its own, so that it does not depend on the switch that it controls.
 * The userspace datapath sends tunnel packets only through a bridge of its own, hence br-underlay.
 * 198.18.0.0/15 is set aside for benchmarks of networks (RFC 2544): it collides with no real network.
 */
export interface LabPlan {
  readonly name: string;
  /** 1-254, unique on the machine. */
  readonly number: number;
  readonly directory: string;
  /** The interface in the root namespace, and its address: where the hosts reach a controller. */
  readonly gateway: { readonly device: string; readonly address: string };
  readonly underlay: { readonly netns: string; readonly address: string; readonly address6: string };
  readonly hosts: readonly HostPlan[];
}

export interface HostPlan {
  readonly name: string;
  readonly index: number;
  readonly netns: string;
  readonly directory: string;
  readonly managementAddress: string;
  readonly underlayAddress: string;
  readonly underlayAddress6: string;
  /** The MAC of br-underlay. It must differ from ul0's, or the kernel would answer tunnel packets at ul0 too. */
  readonly underlayMac: string;
}

/** For what is no hypervisor: a controller. */
export interface StationPlan {
  readonly name: string;
  readonly index: number;
  readonly netns: string;
  readonly managementAddress: string;
}

export const integrationBridge = 'br-int';
export const underlayBridge = 'br-underlay';
export const underlayMtu = 1500;
export const labNumberMax = 254;
export const hostsMax = 200;
export const stationsMax = 9;

/** Eight characters leave room for `-g123456` in the fifteen of an interface name. */
const namePattern = /^[a-z][a-z0-9]{0,7}$/;

export function checkLabName(name: string): void {
  if (!namePattern.test(name))
    throw new WeirError('malformed', `"${name}" is no lab name: up to eight lower-case letters and digits, a letter first`);
}

export function checkHostCount(hosts: number): void {
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > hostsMax)
    throw new WeirError('malformed', `a lab has 1 to ${hostsMax} hosts, not ${hosts}`);
}

export function planLab(name: string, number: number, hosts: number, directory: string): LabPlan {
  return {
    name,
    number,
    directory,
    gateway: { device: gatewayDevice(number), address: `198.18.${number}.1` },
    underlay: { netns: underlayNetns(name), address: `198.19.${number}.254`, address6: `2001:db8:${number.toString(16)}::fe` },
    hosts: Array.from({ length: hosts }, (_, index) => planHost(name, number, index + 1, directory)),
  };
}

function planHost(lab: string, number: number, index: number, directory: string): HostPlan {
  const octet = 10 + index;
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return {
    name: `hv${index}`,
    index,
    netns: `${lab}-h${index}`,
    directory: join(directory, `hv${index}`),
    managementAddress: `198.18.${number}.${octet}`,
    underlayAddress: `198.19.${number}.${octet}`,
    underlayAddress6: `2001:db8:${number.toString(16)}::${octet.toString(16)}`,
    underlayMac: `02:19:00:${hex(number)}:00:${hex(index)}`,
  };
}

/** Addresses between the gateway's and the first host's. */
export function planStation({ name, number }: Pick<LabPlan, 'name' | 'number'>, index: number): StationPlan {
  return { name: `c${index}`, index, netns: `${name}-c${index}`, managementAddress: `198.18.${number}.${1 + index}` };
}

export const gatewayDevice = (number: number): string => `weir-lab${number}`;
export const underlayNetns = (lab: string): string => `${lab}-ul`;
export const guestNetns = (lab: string, guest: number): string => `${lab}-g${guest}`;

/** Whether a namespace of this name belongs to the lab. */
export function isNetnsOf(lab: string, netns: string): boolean {
  return netns.startsWith(`${lab}-`) && /^(ul|c\d|h\d+|g\d+)$/.test(netns.slice(lab.length + 1));
}

/**
 * Targets for `ovs-vsctl set-manager`. `gateway` stands for the lab's own, which nobody knows before the lab is up; an
 * address of the loopback is refused, because a host would look for it in its own namespace.
 */
export function managerTargets(targets: readonly string[], gateway: string): string[] {
  return targets.map((target) => {
    const parts = /^(tcp|ssl):(.+):(\d{1,5})$/.exec(target);
    if (!parts)
      throw new WeirError(
        'malformed',
        `"${target}" is no manager: give tcp:ADDRESS:PORT or ssl:ADDRESS:PORT, or tcp:gateway:PORT for this machine`,
      );
    const [, protocol = '', address = '', port = ''] = parts;
    if (/^(localhost|127\..*|\[::1\])$/.test(address)) {
      throw new WeirError('malformed', `the hosts of a lab do not reach ${address}: give ${protocol}:gateway:${port} for this machine`);
    }
    return `${protocol}:${address === 'gateway' ? gateway : address}:${port}`;
  });
}
