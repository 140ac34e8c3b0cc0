import type { Meaning } from '../intents/meaning.ts';

/**
 * The kinds a user stores, after parsing: defaults filled, every name and address checked, nothing optional that has a
 * default. Text stays text where users wrote it (addresses, CIDRs in canonical form); the compiler turns it into integers once.
 */
export type Kind = 'Tenant' | 'Network' | 'Router' | 'Group' | 'Service' | 'Policy' | 'QosPolicy' | 'Intent' | 'Vm' | 'Host';

export interface Metadata {
  readonly name: string;
  /** Absent for Tenant, Host and what belongs to the platform. */
  readonly tenant?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Written, changed and removed with this intent, and by nobody else. */
  readonly ownedBy?: { readonly kind: 'Intent'; readonly name: string };
  readonly uid: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** What is stored under `doc/<Kind>/<tenant or "-">/<name>`. The revision is the key's `modRevision`. */
export type Document =
  | DocumentOf<'Tenant', TenantSpec>
  | DocumentOf<'Network', NetworkSpec>
  | DocumentOf<'Router', RouterSpec>
  | DocumentOf<'Group', GroupSpec>
  | DocumentOf<'Service', ServiceSpec>
  | DocumentOf<'Policy', PolicySpec>
  | DocumentOf<'QosPolicy', QosPolicySpec>
  | DocumentOf<'Intent', IntentSpec>
  | DocumentOf<'Vm', VmSpec>
  | DocumentOf<'Host', HostSpec>;

interface DocumentOf<K extends Kind, Spec> {
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: Spec;
}

export type SpecOf<K extends Kind> = Extract<Document, { kind: K }>['spec'];

export interface TenantSpec {
  readonly posture: 'zero-trust' | 'open';
  readonly quotas: Readonly<
    Partial<Record<'networks' | 'vms' | 'interfaces' | 'policies' | 'flows' | 'bandwidthMbps' | 'connections', number>>
  >;
}

export interface NetworkSpec {
  readonly vni: number;
  readonly subnets: readonly { readonly cidr: string; readonly gateway: string; readonly dhcp: boolean; readonly dns: readonly string[] }[];
  readonly mtu?: number;
  readonly broadcast: boolean;
  readonly isolation: 'none' | 'private';
  readonly sharedWith: readonly string[];
}

export interface RouterSpec {
  /** A platform router names the tenant of each network; a tenant's router joins its own (and those shared with it, by `tenant`). */
  readonly networks: readonly { readonly tenant: string; readonly network: string }[];
}

export interface SelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

export interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly SelectorRequirement[];
}

export interface GroupSpec {
  readonly members:
    | { readonly kind: 'selector'; readonly selector: Selector }
    | { readonly kind: 'cidrs'; readonly cidrs: readonly string[]; readonly except: readonly string[] };
  /** Of a platform group only: whose interfaces it selects. */
  readonly tenants?: 'all' | readonly string[];
}

export type Port =
  | { readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly port?: number; readonly endPort?: number; readonly portName?: string }
  | { readonly protocol: 'icmp' | 'icmpv6'; readonly type?: number; readonly code?: number };

export interface ServiceSpec {
  readonly ports: readonly Port[];
}

export type Peer =
  | { readonly kind: 'group'; readonly group: string; readonly tenant?: string }
  | { readonly kind: 'cidr'; readonly cidr: string; readonly except: readonly string[] }
  | { readonly kind: 'any' };

export interface Rule {
  readonly action: 'allow' | 'deny' | 'reject' | 'pass';
  /** `from` of an ingress rule, `to` of an egress rule; absent: all. */
  readonly peers?: readonly Peer[];
  /** Names of services or inline ports; absent: all. */
  readonly services?: readonly (string | Port)[];
  readonly log: boolean;
}

export interface PolicySpec {
  readonly tier: 'platform' | 'tenant' | 'baseline';
  readonly order: number;
  /** Group names (`web`, `platform/bastions`); absent: every interface. */
  readonly appliesTo?: readonly string[];
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

export interface Bandwidth {
  readonly maxMbps?: number;
  readonly guaranteedMbps?: number;
  readonly burstKb?: number;
}

/** Open from `from` until `to` in the zone's own time, on the days on which it opens; over midnight when `to` is the earlier. */
export interface Schedule {
  /** `HH:MM`. */
  readonly from: string;
  readonly to: string;
  /** Of the IANA database. */
  readonly timezone: string;
  readonly days: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[];
}

export interface QosPolicySpec {
  readonly appliesTo?: readonly string[];
  readonly egress?: Bandwidth;
  readonly ingress?: Bandwidth;
  readonly dscp?: number;
  readonly class?: 'vm' | 'storage' | 'management' | 'migration';
  /** Outside of it the policy does not count. Absent: always. */
  readonly schedule?: Schedule;
}

export interface IntentSpec {
  readonly text: string;
  /** A multiple of 10: each intent has ten orders of policies. */
  readonly order: number;
  /** What the text meant when it was written; the rest is not shown as users' own. */
  readonly meaning: Meaning;
  /** The same as one sentence. */
  readonly echo: string;
  /** What it owns. */
  readonly compiled: readonly { readonly kind: 'Group' | 'Policy' | 'QosPolicy'; readonly name: string }[];
}

export interface VmInterface {
  readonly name: string;
  /** `NAME` of the tenant's own network, or `TENANT/NAME` of one shared with it. */
  readonly network: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: Readonly<Record<string, { readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly port: number }>>;
}

export interface VmSpec {
  readonly hypervisor: 'kvm' | 'container' | 'kata';
  readonly host?: string;
  readonly power: 'running' | 'stopped';
  readonly interfaces: readonly VmInterface[];
}

export interface HostSpec {
  readonly uplinkMbps?: number;
  readonly schedulable: boolean;
  /** Set by a user, or written by the owner of the switch when it learns it. */
  readonly encapIp?: string;
  /** Who set `encapIp`: a switch does not overwrite what a user has set. Not shown to users. */
  readonly encapIpFrom?: 'user' | 'switch';
}
