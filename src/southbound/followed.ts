import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RangeRequest, RangeResult, Revision, Watch } from '../../cluster/index.ts';
import type { FollowedCommit, FollowedStore } from '../admission/index.ts';
import type { Clock } from '../base/clock.ts';
import { WeirError } from '../base/errors.ts';
import type { Channel } from './channel.ts';
import type { CommitsTold, MainAnswers, SouthboundAnswers } from './contract.ts';

/** What `watchEnded` tells. */
type Ended = Parameters<SouthboundAnswers['watchEnded']>[0];

/** Milliseconds of commits, after which switches get their turn. */
const sliceMs = 5;

/**
 * The store, as far as it can be followed from the other thread. One watch at a time. Commits that came together are taken slice by slice, so that
 * switches are served in between.
 */
export class DistantStore implements FollowedStore {
  readonly #main: Channel<MainAnswers, object>;
  readonly #toldBytes: number;
  readonly #clock: Pick<Clock, 'nowMs'>;
  #queue: (CommitsTold | Ended)[] = [];
  #isTaking = false;
  #watch: { readonly onCommits: (commits: readonly FollowedCommit[]) => void; readonly onEnd: (error: WeirError) => void } | undefined;
  #takenBytes = 0;
  revision: Revision = 0;

  /** `toldBytes`: what was taken is told when it comes to so much. */
  constructor(main: Channel<MainAnswers, object>, toldBytes: number, clock: Pick<Clock, 'nowMs'>) {
    this.#main = main;
    this.#toldBytes = toldBytes;
    this.#clock = clock;
  }

  range(request: RangeRequest): Promise<RangeResult> {
    return this.#main.ask('range', request);
  }

  revisionAt(wallMs: number): Promise<Revision> {
    return this.#main.ask('revisionAt', wallMs);
  }

  watch(since: Revision, onCommits: (commits: readonly FollowedCommit[]) => void, onEnd: (error: WeirError) => void): Watch {
    const watch = { onCommits, onEnd };
    this.#watch = watch;
    this.#main.tell('watch', { since });
    return {
      close: () => {
        if (this.#watch !== watch) return;
        this.#watch = undefined;
        this.#main.tell('unwatch', null);
      },
    };
  }

  told(commits: CommitsTold): void {
    this.#enqueue(commits);
  }

  ended(reason: Ended): void {
    this.#enqueue(reason);
  }

  #enqueue(said: CommitsTold | Ended): void {
    this.#queue.push(said);
    if (!this.#isTaking) void this.#takeAll();
  }

  async #takeAll(): Promise<void> {
    this.#isTaking = true;
    let startedMs = this.#clock.nowMs();
    while (this.#queue.length > 0) {
      const said = this.#queue;
      this.#queue = [];
      for (const each of said) {
        if ('commits' in each) this.#take(each);
        else this.#end(each);
        if (this.#clock.nowMs() - startedMs < sliceMs) continue;
        await nextTurn();
        startedMs = this.#clock.nowMs();
      }
    }
    this.#isTaking = false;
  }

  #take({ commits, bytes }: CommitsTold): void {
    this.revision = commits.at(-1)?.revision ?? this.revision;
    this.#watch?.onCommits(commits.map(followedOf));
    this.#takenBytes += bytes;
    if (this.#takenBytes < this.#toldBytes) return;
    this.#main.tell('taken', { bytes: this.#takenBytes });
    this.#takenBytes = 0;
  }

  #end({ code, message, revision }: Ended): void {
    this.revision = revision;
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.onEnd(new WeirError(code, message));
  }
}

const followedOf = ({ revision, wallMs, changes }: CommitsTold['commits'][number]): FollowedCommit => ({
  revision,
  wallMs,
  changes: changes.map(({ key, value }) => (value === undefined ? { key } : { key, after: { value, modRevision: revision } })),
});
