import { reasonOf, WeirError } from '../../src/base/errors.ts';
import type { Commit, Revision, Watch } from './port.ts';

/** Where watches take commits from. */
export interface WatchSource {
  /** The last revision that was handed to `deliver`. */
  readonly revision: () => Revision;
  /** Some of the commits after `position`, whole groups in order, at least one; none behind `revision`. */
  readonly after: (position: Revision) => Promise<readonly Commit[]>;
  /** What `after` reads from is not there now; when it is again, `resync` is called. */
  readonly isDown: () => boolean;
}

export type OnCommits = (commits: readonly Commit[]) => void;
export type OnEnd = (error: WeirError) => void;

interface Watcher {
  readonly onCommits: OnCommits;
  readonly onEnd: OnEnd | undefined;
  /** The last revision that it was told of, or that it does not want to be told of. */
  position: Revision;
  closed: boolean;
}

/**
 * All watches of a store. A watch is catching up (reads pages of history at its own pace) until it has seen everything
 * that was delivered; from then on it is live. It becomes so in the same turn of the loop, so nothing falls between.
 */
export class WatchHub {
  readonly #source: WatchSource;
  readonly #live = new Set<Watcher>();
  readonly #catchingUp = new Set<Watcher>();
  /** Of those that are catching up, the ones that wait for `resync`. */
  readonly #resting = new Set<Watcher>();

  constructor(source: WatchSource) {
    this.#source = source;
  }

  watch(since: Revision, onCommits: OnCommits, onEnd: OnEnd | undefined): Watch {
    const watcher: Watcher = { onCommits, onEnd, position: since, closed: false };
    if (since >= this.#source.revision()) this.#live.add(watcher);
    else void this.#catchUp(watcher);
    return {
      close: () => this.#close(watcher),
    };
  }

  /**
   * Commits, the last of which is at the source's revision. They are only asked for when somebody watches. Those that are not among them, because the
   * index was opened again meanwhile, are read from the log.
   */
  deliver(commits: () => readonly Commit[]): void {
    if (this.#live.size === 0) return;
    const all = commits();
    const first = all[0]?.revision ?? Infinity;
    for (const watcher of this.#live) {
      if (first <= watcher.position + 1) tell(watcher, all);
      if (!watcher.closed && watcher.position < this.#source.revision()) this.#fallBehind(watcher);
    }
  }

  /** Something was delivered that it has not seen, or cannot be shown from memory. */
  #fallBehind(watcher: Watcher): void {
    this.#live.delete(watcher);
    void this.#catchUp(watcher);
  }

  /** The revision has moved without `deliver`: everybody reads up to it. */
  resync(): void {
    const watchers = [...this.#live, ...this.#resting];
    this.#live.clear();
    this.#resting.clear();
    // Who has seen everything is live again at once.
    for (const watcher of watchers) void this.#catchUp(watcher);
  }

  /** Commits and versions after it are still needed by a watch that is catching up. */
  get oldestPosition(): Revision {
    let oldest = Infinity;
    for (const { position } of this.#catchingUp) oldest = Math.min(oldest, position);
    return oldest;
  }

  /** Ends all watches. */
  end(error: WeirError): void {
    for (const watcher of [...this.#live, ...this.#catchingUp]) this.#end(watcher, error);
  }

  async #catchUp(watcher: Watcher): Promise<void> {
    this.#catchingUp.add(watcher);
    while (watcher.position < this.#source.revision()) {
      let commits: readonly Commit[];
      try {
        commits = await this.#source.after(watcher.position);
      } catch (error) {
        if (watcher.closed) return;
        if (this.#source.isDown()) this.#resting.add(watcher);
        else this.#end(watcher, endReason(error));
        return;
      }
      if (watcher.closed) return;
      tell(watcher, commits);
    }
    this.#catchingUp.delete(watcher);
    if (!watcher.closed) this.#live.add(watcher);
  }

  #close(watcher: Watcher): void {
    watcher.closed = true;
    this.#live.delete(watcher);
    this.#catchingUp.delete(watcher);
    this.#resting.delete(watcher);
  }

  #end(watcher: Watcher, error: WeirError): void {
    this.#close(watcher);
    watcher.onEnd?.(error);
  }
}

function tell(watcher: Watcher, commits: readonly Commit[]): void {
  const first = commits[0];
  const last = commits.at(-1);
  if (watcher.closed || first === undefined || last === undefined || last.revision <= watcher.position) return;
  const news = first.revision > watcher.position ? commits : commits.filter(({ revision }) => revision > watcher.position);
  watcher.position = last.revision;
  try {
    watcher.onCommits(news);
  } catch (error) {
    // A defect of the watcher: it stops the process, but not in the middle of a commit.
    queueMicrotask(() => {
      throw error;
    });
  }
}

function endReason(error: unknown): WeirError {
  return error instanceof WeirError ? error : new WeirError('store-failed', reasonOf(error), { cause: error });
}
