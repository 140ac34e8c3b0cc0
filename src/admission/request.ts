import type { OwnedDocument } from '../../policies/intents/index.ts';
import type { Revision } from '../../cluster/index.ts';
import type { Timings } from '../base/timings.ts';
import type { Tally } from './indexes/tallies.ts';
import type { ResourceId, Snapshot, Stored } from './ports.ts';

/** `stale` when it does not hold. */
export type Precondition = { readonly kind: 'at'; readonly revision: Revision } | { readonly kind: 'absent' };

/** One thing that a caller wants done. A submission is many of them, all or nothing. */
export type Write =
  | (ResourceId & {
      readonly verb: 'put';
      /** The document as it was sent. What it says of its kind, tenant and name must agree. */
      readonly raw: unknown;
      readonly when?: Precondition | undefined;
      readonly pointer?: string | undefined;
    })
  | {
      /** A put of a document that says itself what it is. */
      readonly verb: 'apply';
      readonly raw: unknown;
      /** Owner of documents that name none. */
      readonly defaultTenant?: string | undefined;
      /** The only tenant whose documents the caller may write. */
      readonly confinedTo?: string | undefined;
      /** Where the document begins in what was sent. Absent: the body itself, or `/0`, `/1`, … when there are several writes. */
      readonly pointer?: string | undefined;
    }
  | (ResourceId & { readonly verb: 'delete'; readonly when?: Precondition | undefined; readonly pointer?: string | undefined })
  | { readonly verb: 'start'; readonly kind: 'Vm'; readonly tenant: string; readonly name: string; readonly host: string }
  | { readonly verb: 'stop'; readonly kind: 'Vm'; readonly tenant: string; readonly name: string }
  /** A switch connected: its host becomes known, or gets another tunnel address if no user has set one. */
  | { readonly verb: 'register'; readonly kind: 'Host'; readonly name: string; readonly encapIp: string };

export type WriteOf<V extends Write['verb']> = Extract<Write, { readonly verb: V }>;

export interface Submission {
  readonly writes: readonly Write[];
  /** Validates and says what would change; stores nothing. */
  readonly dryRun?: boolean;
  /** Kept for 24 h within the tenant: the same submission again answers as before and does nothing. */
  readonly idempotency?: { readonly tenant: string; readonly key: string };
  readonly timings?: Timings;
}

export type Action = 'created' | 'updated' | 'unchanged' | 'deleted';

export interface WriteResult extends ResourceId {
  readonly action: Action;
  readonly before: Stored | undefined;
  /** As stored; of a dry run as it would be stored, with the revision 0 when it would be written. */
  readonly after: Stored | undefined;
  /** Of a policy: how many flows it comes to at most on one host, for one tenant, now and before. */
  readonly flows?: { readonly perHost: number; readonly before: number };
  /** Of an intent: the documents that it comes to. */
  readonly compiled?: readonly OwnedDocument[];
}

export interface Submitted {
  /** Of the transaction; when nothing changed, one that contains what the answer says. */
  readonly revision: Revision;
  /** One for each write, in their order. */
  readonly results: readonly WriteResult[];
  /** The answer to an earlier submission with the same idempotency key. */
  readonly replayed: boolean;
  /** Of a dry run: all that it would write. */
  readonly foreseen?: Foreseen;
}

/** What a request would make of the present state, owned documents and numbers included. */
export interface Foreseen {
  readonly documents: readonly ResourceId[];
  readonly numbers: readonly ResourceId[];
  /** The state as it would be, over one that this request has been validated against. */
  over(base: Snapshot): Snapshot;
  /** What owners (undefined: the platform) have before and would have after. */
  readonly tallies: readonly { readonly owner: string | undefined; readonly before: Tally; readonly after: Tally }[];
}
