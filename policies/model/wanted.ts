import type { Document, HostSpec, IntentSpec, Kind, NetworkSpec, SpecOf, VmInterface, VmSpec } from './kinds.ts';

/**
 * A document as a user wants it: parsed and with defaults, but what the server fills or a verb writes may be left
 * open. Undefined keeps what is stored, null releases it.
 */
export type Open<T> = T | null | undefined;

export interface NetworkWanted extends Omit<NetworkSpec, 'vni' | 'subnets'> {
  readonly vni: Open<number>;
  readonly subnets: readonly (Omit<NetworkSpec['subnets'][number], 'gateway'> & { readonly gateway: Open<string> })[];
}

export interface InterfaceWanted extends Omit<VmInterface, 'mac' | 'addresses'> {
  readonly mac: Open<string>;
  readonly addresses: Open<readonly string[]>;
}

export interface VmWanted extends Omit<VmSpec, 'host' | 'power' | 'interfaces'> {
  readonly host: Open<string>;
  readonly power: Open<VmSpec['power']>;
  readonly interfaces: readonly InterfaceWanted[];
}

export interface HostWanted extends Omit<HostSpec, 'encapIp' | 'encapIpFrom'> {
  readonly encapIp: Open<string>;
}

/** What it means is found out when it is written. */
export type IntentWanted = Pick<IntentSpec, 'text' | 'order'>;

export type WantedSpecOf<K extends Kind> = K extends 'Network'
  ? NetworkWanted
  : K extends 'Vm'
    ? VmWanted
    : K extends 'Host'
      ? HostWanted
      : K extends 'Intent'
        ? IntentWanted
        : SpecOf<K>;

export type Wanted = { [K in Kind]: WantedOf<K> }[Kind];

export interface WantedOf<K extends Kind> {
  readonly kind: K;
  readonly name: string;
  /** Undefined for Tenant, Host and what belongs to the platform. */
  readonly tenant: string | undefined;
  readonly labels: Document['metadata']['labels'];
  /** As it was sent: a document that says of itself that an intent owns it. */
  readonly ownedBy: Document['metadata']['ownedBy'];
  readonly spec: WantedSpecOf<K>;
}
