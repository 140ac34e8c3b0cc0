import { parsePrefix } from '../base/addresses.ts';
import { maskedRange } from '../base/masked-range.ts';
import type { Tally } from './indexes/tallies.ts';
import type { Usage } from './ports.ts';
import type { NetworkSpec, PolicySpec, Port, Rule, TenantSpec, VmInterface } from '../../policies/model/index.ts';

/**
 * How many flows a document may come to on one host, bounded by arithmetic before it is accepted. A tenant's estimate
 * is the sum over its documents: what a host would carry that held all of the tenant. It does not depend on where
 * VMs run, so that a policy is not refused because of a migration. The platform's estimate is what its policies come to
 * for one tenant.
 *
 * A host never has more flows than: those that every host has; for each tenant whose interfaces it has or reaches, the
 * tenant's estimate; for each tenant whose interfaces it has, the platform's; and one for each address of one tenant and each
 * other tenant on the host that shares a routing domain with it. Each number below is that of flows/render, and a test holds it to that.
 */
/** Where the platform has said nothing. */
export const flowsPerTenantMax = 200_000;

/** The flows that a tenant may come to: as the platform says, be it more. */
export const flowsMax = ({ flows }: TenantSpec['quotas']): number => flows ?? flowsPerTenantMax;

export function usageOf(tally: Tally, quotas: TenantSpec['quotas']): Usage {
  const used = (name: 'networks' | 'vms' | 'interfaces' | 'policies'): Usage['vms'] => {
    const limit = quotas[name];
    return { used: tally[name], ...(limit === undefined ? {} : { limit }) };
  };
  return {
    networks: used('networks'),
    vms: used('vms'),
    interfaces: used('interfaces'),
    policies: used('policies'),
    flows: { used: tally.flows, limit: flowsMax(quotas) },
  };
}

/**
 * `classify`, `local` and `output`; in `qos` at most two for what leaves (DSCP is set for each IP family) and one for what
 * enters; one each for what comes up to the controller to be rejected and to be logged. On a host that only reaches the interface, they stand for the two of the tunnel to it.
 */
const flowsPerInterface = 8;
/** `security` for packets and, in IPv4, ARP; `forward`, the answer to ARP or ND, `identity`. */
const flowsPerAddress = { 4: 5, 6: 4 } as const;
/** Neighbour discovery: from the link-local address, and with the interface's own MAC inside. */
const flowsPerIpv6Interface = 2;

export function interfaceFlows(entry: VmInterface): number {
  const ipv6 = entry.addresses.filter((address) => address.includes(':')).length;
  const ipv4 = entry.addresses.length - ipv6;
  return flowsPerInterface + ipv4 * flowsPerAddress[4] + ipv6 * flowsPerAddress[6] + (ipv6 > 0 ? flowsPerIpv6Interface : 0);
}

/** The way in from tunnels and the router's MAC. */
const flowsPerNetwork = 2;
/** The gateway's answers to ARP or ND and to echo requests. */
const flowsPerSubnet = 2;
/** What is addressed to many: marked, sent out, taken in. */
const flowsPerBroadcast = 3;
/** Members are kept from each other. */
const flowsPerIsolation = 1;

export function networkFlows({ subnets, isolation, broadcast }: Pick<NetworkSpec, 'subnets' | 'isolation' | 'broadcast'>): number {
  const members = isolation === 'private' ? flowsPerIsolation : broadcast ? flowsPerBroadcast : 0;
  return flowsPerNetwork + subnets.length * flowsPerSubnet + members;
}

/** An open posture is one flow in each direction, none is needed for zero trust; one accounts for what it decides. */
export const tenantFlows = ({ posture }: TenantSpec): number => (posture === 'open' ? 2 : 0) + 1;

/** What a rule's names stand for at present. */
export interface Sizes {
  /** Blocks of a group of CIDRs; for a group by selector 1, or beyond 128 groups the different sets that have it. */
  group(name: string, tenant: string | undefined): number;
  /** The same for a group that a policy applies to. */
  local(name: string): number;
  service(name: string): readonly Port[];
  /** Different numbers behind a port name, and the sets that declare each. */
  named(name: string, protocol: string): number;
}

export function policyFlows(spec: PolicySpec, sizes: Sizes): number {
  const local = spec.appliesTo?.reduce((sum, name) => sum + sizes.local(name), 0);
  return [...spec.ingress, ...spec.egress].reduce((sum, rule) => sum + ruleFlows(rule, local, sizes), 0);
}

/** What a rule decides is accounted for. */
const flowsPerDecision = 1;

/**
 * Local groups, peers and services, as far as the rule names them: all combinations, or when that is less one for each alternative and
 * one for the conjunction. The same for a rule without a peer or service that could match, which needs none.
 */
function ruleFlows(rule: Rule, localGroups: number | undefined, sizes: Sizes): number {
  const dimensions = [localGroups, peerAlternatives(rule, sizes), serviceAlternatives(rule, sizes)].filter((size) => size !== undefined);
  const product = dimensions.reduce((count, size) => count * size, 1);
  const sum = dimensions.reduce((count, size) => count + size, 0);
  return Math.min(product, sum + 1) + (product === 0 || rule.action === 'pass' ? 0 : flowsPerDecision);
}

function peerAlternatives({ peers }: Rule, sizes: Sizes): number | undefined {
  let count = 0;
  for (const peer of peers ?? [{ kind: 'any' } as const]) {
    if (peer.kind === 'any') return undefined;
    count += peer.kind === 'group' ? sizes.group(peer.group, peer.tenant) : blocksOf([peer.cidr], peer.except);
  }
  return count;
}

function serviceAlternatives({ services }: Rule, sizes: Sizes): number | undefined {
  const ports = services?.flatMap((service) => (typeof service === 'string' ? sizes.service(service) : [service]));
  return ports?.reduce((sum, port) => sum + portAlternatives(port, sizes), 0);
}

/** A range is covered by masked matches, a name stands for several numbers; everything else is one match. */
function portAlternatives(port: Port, sizes: Sizes): number {
  if (!('port' in port || 'portName' in port)) return 1;
  if (port.portName !== undefined) return sizes.named(port.portName, port.protocol);
  return port.port === undefined ? 1 : maskedRange(port.port, port.endPort ?? port.port).length;
}

/**
 * Cutting a block of length m out of one of length n leaves m - n blocks in the place of one. Each exception counts as if it
 * were cut out of the largest block: never too few.
 */
export function blocksOf(cidrs: readonly string[], except: readonly string[]): number {
  if (except.length === 0) return cidrs.length;
  const largest = { 4: 32, 6: 128 };
  for (const { family, length } of cidrs.map(parsePrefix)) largest[family] = Math.min(largest[family], length);
  return except.map(parsePrefix).reduce((sum, hole) => sum + Math.max(0, hole.length - largest[hole.family] - 1), cidrs.length);
}
