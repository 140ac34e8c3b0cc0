import { setTimeout as pause } from 'node:timers/promises';
import type { Store, Watch } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';
import { WeirError } from '../base/errors.ts';
import type { CommittedState } from './committed.ts';
import { load } from './load.ts';
import type { Pipeline } from './pipeline.ts';

/** A state that is being replaced is there again soon. */
const reloadPauseMs = 20;
const lasting: ReadonlySet<string> = new Set(['store-closed', 'store-corrupt', 'store-failed']);

/**
 * Every commit becomes part of the snapshot. Where commits were left out, because this member was sent a whole state in their place, the
 * difference does. Following → reloading → following, until it is closed or the store ends the watch for another reason.
 */
export class Following {
  readonly #ports: { readonly store: Store; readonly clock: Clock };
  readonly #committed: CommittedState;
  readonly #pipeline: Pipeline;
  readonly #onEnd: (reason: WeirError) => void;
  #watch: Watch | undefined;
  #closed = false;

  constructor(
    ports: { readonly store: Store; readonly clock: Clock },
    committed: CommittedState,
    pipeline: Pipeline,
    onEnd: (reason: WeirError) => void,
  ) {
    this.#ports = ports;
    this.#committed = committed;
    this.#pipeline = pipeline;
    this.#onEnd = onEnd;
    this.#subscribe();
  }

  #subscribe(): void {
    this.#watch = this.#ports.store.watch(
      this.#committed.records.revision,
      (commits) => {
        for (const commit of commits) this.#pipeline.onCommit(commit);
        this.#pipeline.settle();
      },
      (reason) => {
        if (reason.code === 'compacted') void this.#reload();
        else this.#onEnd(reason);
      },
    );
  }

  async #reload(): Promise<void> {
    const { store, clock } = this.#ports;
    while (!this.#closed) {
      try {
        const { revision, cells } = await load(store, store.revision);
        if (this.#closed) return;
        if (revision > this.#committed.records.revision) this.#pipeline.replaced(revision, cells, clock.wallMs());
        this.#subscribe();
        return;
      } catch (thrown) {
        if (thrown instanceof WeirError && lasting.has(thrown.code)) {
          this.#onEnd(thrown);
          return;
        }
        await pause(reloadPauseMs);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }
}
