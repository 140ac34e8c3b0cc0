import type { RangeRequest, RangeResult, Revision, Watch } from '../../cluster/index.ts';
import type { FollowedCommit, FollowedStore } from '../admission/index.ts';
import { WeirError } from '../base/errors.ts';
import type { Channel } from './channel.ts';
import type { CommitsTold, MainAnswers } from './contract.ts';

/** The store, as far as it can be followed from the other thread. One watch at a time. */
export class DistantStore implements FollowedStore {
  readonly #main: Channel<MainAnswers, object>;
  readonly #toldBytes: number;
  #watch: { readonly onCommits: (commits: readonly FollowedCommit[]) => void; readonly onEnd: (error: WeirError) => void } | undefined;
  #takenBytes = 0;
  revision: Revision = 0;

  /** `toldBytes`: what was taken is told when it comes to so much. */
  constructor(main: Channel<MainAnswers, object>, toldBytes: number) {
    this.#main = main;
    this.#toldBytes = toldBytes;
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

  told({ commits, bytes }: CommitsTold): void {
    this.revision = commits.at(-1)?.revision ?? this.revision;
    this.#watch?.onCommits(commits.map(followedOf));
    this.#takenBytes += bytes;
    if (this.#takenBytes < this.#toldBytes) return;
    this.#main.tell('taken', { bytes: this.#takenBytes });
    this.#takenBytes = 0;
  }

  ended({ code, message, revision }: { readonly code: string; readonly message: string; readonly revision: Revision }): void {
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
