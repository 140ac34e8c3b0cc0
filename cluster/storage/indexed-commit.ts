import type { Revision } from '../store/port.ts';

/** A change with the rows that it makes. `row` is absent when the key was deleted. */
export interface IndexedChange {
  readonly key: string;
  readonly row?: string | undefined;
  /** The row that it replaces, absent when there was none. */
  readonly beforeRow?: string | undefined;
}

export interface IndexedCommit {
  readonly revision: Revision;
  readonly wallMs: number;
  /** Empty: it is not kept. */
  readonly requestId: string;
  readonly changes: readonly IndexedChange[];
}
