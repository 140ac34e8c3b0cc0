import type { Endpoint } from './endpoint.ts';

/** Everything the program was told at its start, checked and frozen. Nothing else reads files, environment or flags. */
export interface Config {
  readonly dataDirectory: string;
  readonly api: ApiConfig;
  readonly switches: SwitchAccess;
  /** Undefined: alone, and reached by no other member. On loopback, where every caller may do all, never. */
  readonly member: MemberConfig | undefined;
  readonly store: StoreConfig;
  /** Of rules. */
  readonly counters: { readonly intervalMs: number };
  readonly logLevel: LogLevel;
  /** Where records of policies go, beside memory; undefined: nowhere. */
  readonly policyFile: { readonly path: string; readonly bytesMax: number } | undefined;
}

/** Where documents are kept. `level`: in the data directory. */
export type StoreConfig = { readonly kind: 'level'; readonly retentionMs: number } | EtcdStoreConfig;

export interface EtcdStoreConfig {
  readonly kind: 'etcd';
  readonly retentionMs: number;
  readonly etcd: EtcdConfig;
}

interface EtcdConfig {
  /** HOST:PORT. */
  readonly hosts: readonly string[];
  readonly prefix: string;
  readonly user: { readonly name: string; readonly password: string } | undefined;
  /** PEM text. */
  readonly tls: { readonly ca: string; readonly client: { readonly cert: string; readonly key: string } | undefined } | undefined;
}

/** How this controller is one of several. */
export interface MemberConfig {
  /** Undefined: as the data says, or a random one. */
  readonly id: string | undefined;
  /** Port 0: the one of before, or one that is free. */
  readonly listen: Endpoint;
  /** `HOST:PORT`; undefined: where it listens. */
  readonly advertise: string | undefined;
  readonly tls: (Tls & { readonly ca: string }) | undefined;
  /** Counts only where there is no data yet. */
  readonly origin:
    | { readonly kind: 'alone' }
    /** One of several, and nothing says how it begins. */
    | { readonly kind: 'unsaid' }
    | { readonly kind: 'founder'; readonly founders: Readonly<Record<string, string>> }
    | { readonly kind: 'joining'; readonly server: string; readonly token: string | undefined };
}

type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface ApiConfig {
  readonly listen: Endpoint;
  readonly tls: Tls | undefined;
  readonly tokens: readonly Token[];
  readonly bodyBytesMax: number;
  /** For each caller; undefined: no limit. */
  readonly requestsPerSecondMax: number | undefined;
  /** Watches, and as many followers of the log. */
  readonly watchersMax: number;
  readonly watchersPerTenantMax: number;
  readonly watchBufferBytesMax: number;
}

/** PEM text, not file names. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
}

/** A secret is kept as its SHA-256 only. */
export type Token = {
  readonly name: string;
  readonly sha256: Buffer;
} & ({ readonly role: 'platform' | 'compute' } | { readonly role: 'tenant'; readonly tenant: string });

/**
 * How switches reach us. `off`: neither certificates nor `insecureSwitches` were given, so that nothing listens for switches;
 * documents can still be kept.
 */
export type SwitchAccess =
  | { readonly kind: 'off' }
  | ({ readonly kind: 'plain' } & SwitchListeners)
  | ({ readonly kind: 'tls'; readonly tls: Tls & { readonly ca: string } } & SwitchListeners);

interface SwitchListeners {
  readonly openflow: Endpoint;
  readonly ovsdb: Endpoint;
  /** Address for the controller targets of switches; undefined: the local address of each switch's OVSDB connection. */
  readonly advertise: string | undefined;
  /** Of the network between hypervisors, in bytes. */
  readonly underlayMtu: number;
}
