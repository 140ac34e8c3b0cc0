import { setTimeout as pause } from 'node:timers/promises';
import type { Revision, Watch } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';
import { WeirError } from '../base/errors.ts';
import { load } from './load.ts';
import type { Key } from './keys.ts';
import type { FollowedCommit, FollowedStore } from './ports.ts';
import type { Cell } from './records.ts';

/** A state that is being replaced is there again soon, and a disk that failed when it is mended. */
const reloadPauseMs = 20;
const mendingPauseMs = 500;
const lasting: ReadonlySet<string> = new Set(['store-closed', 'store-corrupt']);

/** Whose snapshot it is. */
export interface Follows<C> {
  /** Of the snapshot. */
  readonly revision: () => Revision;
  /** Those of a group, in revision order. */
  readonly committed: (commits: readonly C[]) => void;
  /** A whole state in the place of commits that nobody told of. */
  readonly replaced: (revision: Revision, state: Iterable<readonly [Key, Cell]>, wallMs: number) => void;
  readonly ended: (reason: WeirError) => void;
  /** What is read anew; absent: everything. */
  readonly prefixes?: readonly string[];
}

/**
 * Every commit becomes part of the snapshot. Where commits were left out, because this member was sent a whole state in their place, the
 * difference does. Following → reloading → following, until it is closed or the store ends the watch for another reason.
 */
export class Following<C extends FollowedCommit> {
  readonly #store: FollowedStore<C>;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #follows: Follows<C>;
  #watch: Watch | undefined;
  #closed = false;

  constructor(ports: { readonly store: FollowedStore<C>; readonly clock: Pick<Clock, 'wallMs'> }, follows: Follows<C>) {
    this.#store = ports.store;
    this.#clock = ports.clock;
    this.#follows = follows;
    this.#subscribe();
  }

  #subscribe(): void {
    this.#watch = this.#store.watch(this.#follows.revision(), this.#follows.committed, (reason) => {
      if (reason.code === 'compacted') void this.#reload();
      else this.#follows.ended(reason);
    });
  }

  async #reload(): Promise<void> {
    const { revision: known, replaced, ended, prefixes } = this.#follows;
    while (!this.#closed) {
      try {
        const { revision, cells } = await load(this.#store, this.#store.revision, prefixes);
        if (this.#closed) return;
        if (revision > known()) replaced(revision, cells, this.#clock.wallMs());
        this.#subscribe();
        return;
      } catch (thrown) {
        if (thrown instanceof WeirError && lasting.has(thrown.code)) {
          ended(thrown);
          return;
        }
        await pause(thrown instanceof WeirError && thrown.code === 'store-failed' ? mendingPauseMs : reloadPauseMs);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }
}
