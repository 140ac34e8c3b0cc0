import { parsePrefix } from '../base/addresses.ts';
import type { Port, Rule, VmInterface } from '../../policies/model/index.ts';

/**
 * How many flows a document may come to on one host, bounded by arithmetic before it is accepted. A tenant's estimate
 * is the sum over its VMs and policies: what a host would carry that held all of the tenant. It is never less than what
 * is rendered, and does not depend on where VMs run, so that a policy is not refused because of a migration.
 */
export const flowsPerTenantMax = 200_000;

/** Classification, port security by MAC, DHCP, forwarding, policy entry and exit on both sides, tunnel delivery, rate limits. */
const flowsPerInterface = 24;
/** Port security, ARP or ND, neighbour, identity in both registers. */
const flowsPerAddress = 6;
/** The action and the miss of the conjunction, for new and for open connections. */
const flowsPerRule = 4;

export function interfaceFlows(entry: VmInterface): number {
  return flowsPerInterface + flowsPerAddress * entry.addresses.length;
}

/** What a rule's names stand for at present. */
export interface Sizes {
  /** Blocks of a group of CIDRs, 1 for a group by selector. */
  group(name: string, tenant: string | undefined): number;
  service(name: string): readonly Port[];
}

/** The dimensions of a conjunction add up: local groups, peers, services. */
export function ruleFlows(rule: Rule, localGroups: number, sizes: Sizes): number {
  const peers = (rule.peers ?? []).reduce((sum, peer) => {
    switch (peer.kind) {
      case 'any':
        return sum + 1;
      case 'group':
        return sum + sizes.group(peer.group, peer.tenant);
      case 'cidr':
        return sum + blocksOf([peer.cidr], peer.except);
    }
  }, 0);
  const ports = (rule.services ?? []).flatMap((service) => (typeof service === 'string' ? sizes.service(service) : [service]));
  const services = ports.reduce((sum, port) => sum + portFlows(port), 0);
  return flowsPerRule + localGroups + peers + services;
}

/** A range is covered by masked matches: at most 2 × 16 - 2 of them. For each IP family, because a port match needs one. */
function portFlows(port: Port): number {
  if (!('port' in port || 'portName' in port)) return 2;
  if (port.portName !== undefined) return 2 * namedPortsMax;
  if (port.port === undefined || port.endPort === undefined || port.endPort === port.port) return 2;
  return 2 * rangeMasks(port.port, port.endPort);
}

/** Different numbers that interfaces of one tenant declare under one name. */
const namedPortsMax = 16;

/** Blocks of aligned powers of two that cover first to last. */
export function rangeMasks(first: number, last: number): number {
  let masks = 0;
  for (let at = first; at <= last; masks++) {
    let size = at === 0 ? 65_536 : at & -at;
    while (at + size - 1 > last) size /= 2;
    at += size;
  }
  return masks;
}

/**
 * Cutting a block of length m out of one of length n leaves m - n blocks in its place. Each exception counts as if it
 * were cut out of the largest block: never too few.
 */
export function blocksOf(cidrs: readonly string[], except: readonly string[]): number {
  if (except.length === 0) return cidrs.length;
  const largest = { 4: 32, 6: 128 };
  for (const { family, length } of cidrs.map(parsePrefix)) largest[family] = Math.min(largest[family], length);
  return except.map(parsePrefix).reduce((sum, hole) => sum + Math.max(0, hole.length - largest[hole.family]), cidrs.length);
}
