import type { LogIndex } from '../raft/types.ts';
import type { Revision } from '../store/port.ts';
import type { IndexedChange, IndexedCommit } from './indexed-commit.ts';

/** What entries of the log up to `index` do. */
interface Step {
  readonly commits: readonly IndexedCommit[];
  readonly index: LogIndex;
}

/** Steps that are written at once. */
export interface Portion {
  readonly commits: readonly IndexedCommit[];
  readonly index: LogIndex;
}

/** Changes that are written at once, unless a single step has more. */
const portionChangesMax = 2_000;

/** What was applied and is not yet written, in order, and the rows that it leaves. */
export class Unwritten {
  #steps: Step[] = [];
  readonly #newest = new Map<string, IndexedChange>();
  #changes = 0;

  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  /** Of all commits together. */
  get changes(): number {
    return this.#changes;
  }

  /** Undefined when there are no commits. */
  get last(): Revision | undefined {
    return this.#steps.findLast(({ commits }) => commits.length > 0)?.commits.at(-1)?.revision;
  }

  add(commits: readonly IndexedCommit[], index: LogIndex): void {
    this.#steps.push({ commits, index });
    for (const { changes } of commits) {
      this.#changes += changes.length;
      for (const change of changes) this.#newest.set(change.key, change);
    }
  }

  /** The change that the key owes its row to; undefined when what was written holds. */
  changeOf(key: string): IndexedChange | undefined {
    return this.#newest.get(key);
  }

  /** The oldest, which stay here until they are `written`. */
  portion(): Portion {
    const commits: IndexedCommit[] = [];
    let index = 0;
    let changes = 0;
    for (const step of this.#steps) {
      if (changes > portionChangesMax) break;
      for (const commit of step.commits) {
        commits.push(commit);
        changes += commit.changes.length;
      }
      index = step.index;
    }
    return { commits, index };
  }

  written({ commits, index }: Portion): void {
    this.#steps = this.#steps.filter((step) => step.index > index);
    for (const { changes } of commits) {
      this.#changes -= changes.length;
      for (const change of changes) if (this.#newest.get(change.key) === change) this.#newest.delete(change.key);
    }
  }
}

/** Who waits for what was applied up to a revision to be written. */
export class Waiters {
  #waiting: { readonly revision: Revision; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** `onWritten` is called at once when it is written, before anything more is. */
  wait<T>(revision: Revision, onWritten: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        revision,
        resolve: () => {
          try {
            resolve(onWritten());
          } catch (error) {
            reject(error);
          }
        },
        reject,
      });
    });
  }

  written(revision: Revision): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((each) => each.revision > revision);
    for (const each of waiting) if (each.revision <= revision) each.resolve();
  }

  fail(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
