import type { Reconciler, Refused } from '../../flows/reconcile/index.ts';

/** What the controller needs of one OpenFlow connection; `flows/io` makes them. */
export interface SwitchConnection {
  /** 16 hexadecimal digits, as in the `datapath_id` column. */
  readonly datapathId: string;
  /** `1.3`, `1.4` or `1.5`. */
  readonly version: string;
  readonly peerAddress: string;
  readonly certificateName?: string;
  /** Takes the switch: requests MASTER, lists its content, sends the difference and follows `reconciler` from then on. */
  own(reconciler: Reconciler, epoch: number, handlers: OwnerHandlers): void;
  /** The reconciler has something new. */
  kick(): void;
  /** Deletes the zone's connections (`NXT_CT_FLUSH`). */
  flushZone(zone: number): void;
  close(reason: string): void;
}

export interface OwnerHandlers {
  /** `reconciler.realized` or `known` may have moved. */
  onProgress(): void;
  onRefused(refused: readonly Refused[]): void;
  onClosed(reason: string): void;
}
