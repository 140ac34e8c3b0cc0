import type { Address, Mac, Prefix } from '../src/base/addresses.ts';

/**
 * The one contract between what is wanted and what switches do: for each host, a set of elements.
 * An element is an immutable value. Its key names it on its host; equal content renders to equal flows, so that
 * only elements whose content changed are rendered again. Every number in here was chosen before it was committed
 * or is derived from what is stored: compiling the same documents twice gives the same elements.
 */
export type Element =
  | NetworkElement
  | FloodElement
  | TenantElement
  | TunnelElement
  | InterfaceElement
  | NeighbourElement
  | IdentityElement
  | RuleElement;

export type ElementKind = Element['kind'];

/** `network/1001`, `rule/7/tenant/egress/42`: see `elementKey`. */
export type ElementKey = string;

/** A virtual network that has a local interface on the host or that such an interface can reach by routing. */
export interface NetworkElement {
  readonly kind: 'network';
  /** 24 bits, the VXLAN network identifier. */
  readonly vni: number;
  /** Routing domain: the number of the router that joins the network, or the VNI of a lone network. */
  readonly domain: number;
  /** Gateway addresses, one for each subnet; they answer ARP, ND and echo requests. */
  readonly gateways: readonly Address[];
  /** Members reach only the gateway. */
  readonly isolated: boolean;
  /** Multicast and broadcast are replicated to the members. */
  readonly broadcast: boolean;
}

/** Where multicast and broadcast of a network go: only for networks that replicate them and have a local interface. */
export interface FloodElement {
  readonly kind: 'flood';
  readonly vni: number;
  /** Zones of the local members, ascending. */
  readonly zones: readonly number[];
  /** Tunnel addresses of the other hosts with members, each once, ascending. */
  readonly encaps: readonly Address[];
}

/**
 * How a tenant's groups are told apart at present, counted modulo 16; absent: 0. In an even view registers hold a bit for each group, in an
 * odd one the number of a set of groups. Only what has the same tenant and the same view understands each other.
 */
export type View = number;

/** A tenant that has a local interface on the host. */
export interface TenantElement {
  readonly kind: 'tenant';
  /** 1 to 2^28 - 1. */
  readonly tenant: number;
  readonly view?: View;
  /** `hold`: packets about which no rule decides are dropped, and nothing is done about their connections. */
  readonly posture: 'zero-trust' | 'open' | 'hold';
}

/** Another host from which VXLAN packets are accepted. */
export interface TunnelElement {
  readonly kind: 'tunnel';
  readonly host: string;
  readonly encap: Address;
}

/** A VM's interface on this host. Its port number is no part of it: ports come and go, see `flows/render`. */
export interface InterfaceElement {
  readonly kind: 'interface';
  /** The value of `external_ids:iface-id`. */
  readonly portId: string;
  /** Conntrack zone, 1-65534, unique on the host; also names the interface in registers. */
  readonly zone: number;
  readonly tenant: number;
  readonly view?: View;
  readonly domain: number;
  readonly vni: number;
  readonly mac: Mac;
  readonly addresses: readonly Address[];
  /** Bit n is set when the interface is in the tenant's group number n; 128 bits in an even view, more in an odd one. */
  readonly groups: bigint;
  /** The number of that set of groups, in an odd view: 128 bits, 0 for the set without any. */
  readonly set?: bigint;
  /** From the VM's point of view. */
  readonly egress: RateLimit | undefined;
  readonly ingress: RateLimit | undefined;
  /** 0-63, written into what the VM sends. */
  readonly dscp: number | undefined;
  /** Absent: none of its packets comes up to the controller. */
  readonly raises?: Raises;
}

/** For what packets come up to the controller: what the rules of a tenant ask for, its own and the platform's. */
export interface Raises {
  readonly reject: boolean;
  readonly log: boolean;
}

export interface RateLimit {
  readonly maxKbps: number;
  readonly burstKb: number;
}

/** Where the owner of (VNI, MAC) is: the forwarding entry and, where the network is local, the ARP and ND answers. */
export interface NeighbourElement {
  readonly kind: 'neighbour';
  readonly vni: number;
  readonly mac: Mac;
  readonly addresses: readonly Address[];
  /** The zone of an interface on this host, or the tunnel address of another. */
  readonly at: { readonly kind: 'local'; readonly zone: number } | { readonly kind: 'remote'; readonly encap: Address };
  /** Whether interfaces of that network are on this host, so that ARP and ND for it can be asked here. */
  readonly answered: boolean;
}

/** Who an address is, as one tenant's rules see it: its groups and the way to it. */
export interface IdentityElement {
  readonly kind: 'identity';
  readonly domain: number;
  /** The tenant whose group numbers `groups` uses: the one that looks, not the one that owns the address. */
  readonly tenant: number;
  readonly view?: View;
  readonly address: Address;
  readonly vni: number;
  readonly mac: Mac;
  readonly groups: bigint;
  /** As that of an interface. */
  readonly set?: bigint;
}

/** A set of groups that addresses known on the host are in. */
export interface KnownSet {
  /** 128 bits, not 0, one for each set of the tenant. */
  readonly number: bigint;
  /** Those of its groups that the rule asks for, ascending. */
  readonly groups: readonly number[];
}

export type Tier = 'platform' | 'tenant' | 'baseline';
export type Direction = 'egress' | 'ingress';
export type RuleAction = 'allow' | 'deny' | 'reject' | 'pass';

/** A rule for the interfaces of one tenant. Within (tenant, tier, direction) every rule has a priority of its own. */
export interface RuleElement {
  readonly kind: 'rule';
  /** Conjunction id and what `ct_label` records; 1 to 2^32 - 1, never 0. */
  readonly id: number;
  readonly tenant: number;
  readonly view?: View;
  readonly tier: Tier;
  readonly direction: Direction;
  /** OpenFlow priority, 1-65535; higher is judged first. */
  readonly priority: number;
  /** `hold` stands for a moment, between two policies: what it matches is dropped, and nothing is done about its connection. */
  readonly action: RuleAction | 'hold';
  /** Group numbers of which the local interface must be in at least one; undefined: any interface. Never empty. */
  readonly local: readonly number[] | undefined;
  /** What the other end must be in: one of the groups or one of the blocks; undefined: anything. Both lists empty: matches nothing. */
  readonly peers: { readonly groups: readonly number[]; readonly prefixes: readonly Prefix[] } | undefined;
  /** Undefined: everything. Empty: matches nothing. */
  readonly services: readonly ServiceMatch[] | undefined;
  /**
   * In an odd view: the sets with a group that the rule asks for, of interfaces here and of other ends, ascending. Whoever is in
   * none of them is in none of those groups.
   */
  readonly sets?: { readonly local: readonly KnownSet[]; readonly peers: readonly KnownSet[] };
  /** Each connection that it decides is told to the controller. */
  readonly log: boolean;
}

/**
 * Ports are those of the connection's destination, inclusive. ICMP types and codes are those of the opening packet.
 * `destination` is a group number of which the destination must be in: the local interface of an ingress rule, the peer of an
 * egress rule. It holds a port that was meant by name to the interfaces that declare that name as this port. Absent: any.
 */
export type ServiceMatch =
  | {
      readonly protocol: 'tcp' | 'udp' | 'sctp';
      readonly ports: { readonly first: number; readonly last: number } | undefined;
      readonly destination?: number;
    }
  | { readonly protocol: 'icmp' | 'icmpv6'; readonly type: number | undefined; readonly code: number | undefined };

/** What became different on one host. A key is either in `put` or in `removed`. */
export interface HostChange {
  readonly host: string;
  readonly put: readonly Element[];
  /** Of what is put, in that order, as far as they are known: hosts share them as they share elements. */
  readonly keys?: readonly ElementKey[];
  readonly removed: readonly ElementKey[];
}

/** In one piece: there are hundreds of thousands, and what a template makes is held as the pieces that it was made of. */
const written = (...parts: readonly (string | number)[]): ElementKey => parts.join('/');

export function elementKey(element: Element): ElementKey {
  switch (element.kind) {
    case 'network':
      return `network/${element.vni}`;
    case 'flood':
      return `flood/${element.vni}`;
    case 'tenant':
      return `tenant/${element.tenant}`;
    case 'tunnel':
      return `tunnel/${element.host}`;
    case 'interface':
      return written('interface', element.portId);
    case 'neighbour':
      return written('neighbour', element.vni, element.mac);
    case 'identity':
      return identityKey(element);
    case 'rule':
      return written('rule', element.tenant, element.tier, element.direction, element.id);
  }
}

/** Under which key a tenant's rules find who an address is. */
export function identityKey({ domain, tenant, address }: Pick<IdentityElement, 'domain' | 'tenant' | 'address'>): ElementKey {
  return written('identity', domain, tenant, address.family, address.value.toString(16));
}
