import type { Revision } from '../../cluster/store/port.ts';
import type { Snapshot, Stored } from '../admission/index.ts';
import type { Action, Precondition, Submission, Submitted } from '../admission/index.ts';
import type { TimingPart } from '../base/timings.ts';
import type { Effect, Waiting } from '../controller/ports.ts';

/** What the API may know of the VM hooks. Each is idempotent: doing it again changes nothing and answers the same. */
export interface VmHooks {
  /** Creates or replaces; nothing is on a switch until the VM is started. */
  put(request: PutRequest): Promise<HookResult>;
  start(request: StartRequest): Promise<HookResult>;
  /** Flows, queues, meters and reservations go; MAC and addresses stay. */
  stop(request: HookRequest): Promise<HookResult>;
  /** Nothing stays anywhere. */
  remove(request: HookRequest): Promise<HookResult>;
}

export interface HookRequest {
  readonly tenant: string;
  readonly name: string;
  /** Holds for the stored VM, else `stale`; `absent`: there is none. */
  readonly when?: Precondition | undefined;
  readonly wait: HookWait;
  /** A repeat with the same key does nothing and answers as before. */
  readonly idempotencyKey?: string | undefined;
}

/**
 * `none`: answers when the write is durable. `try`: waits for the switches, but answers all the same when one does not answer in
 * time. `realized`: rejects with `NotRealizedError` then. `active`: waits for the ports to be plugged as well.
 */
export interface HookWait {
  readonly kind: 'none' | 'try' | 'realized' | 'active';
  readonly timeoutMs: number;
}

export interface PutRequest extends HookRequest {
  /** The document as it was sent. */
  readonly raw: unknown;
}

export interface StartRequest extends HookRequest {
  readonly host: string;
}

export interface HookResult {
  readonly revision: Revision;
  readonly action: Action;
  /** As it is now; of a deletion as it was. */
  readonly vm: Stored<'Vm'>;
  readonly interfaces: readonly HookInterface[];
  readonly timings: Readonly<Partial<Record<TimingPart, number>> & { readonly total: number }>;
  /** Hosts that had not answered when the answer was due. */
  readonly waiting: readonly Waiting[];
  /** Of the VM, when it was no longer waited for. */
  readonly effect: Effect;
}

/** What the compute layer needs to plug an interface. */
export interface HookInterface {
  readonly name: string;
  /** For `external_ids:iface-id`. */
  readonly portId: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** Bytes of the largest IP packet that the guest may send. */
  readonly mtu: number;
  /** Of the first address's subnet; null when there is none. */
  readonly gateway: string | null;
  readonly vni: number;
  /** The subnets of the network that the interface has an address in. */
  readonly subnets: readonly { readonly cidr: string; readonly gateway: string; readonly dns: readonly string[] }[];
}

/** The part of admission that writes. */
export interface Admission {
  snapshot(): Snapshot;
  /** Settles once the snapshot has everything that was committed, by any member, before the call. Rejects with `no-leader`. */
  current(): Promise<void>;
  /** All or nothing. Rejects with a `WeirError` whose code is one of the contract's. */
  submit(submission: Submission): Promise<Submitted>;
}
