import { WeirError } from '../../src/base/errors.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { IndexHost } from '../storage/host.ts';
import type { CommitLog } from '../storage/log.ts';
import { transactionBytes } from './bounds.ts';
import { commitOf, type Pending, type PendingChange, PendingState } from './pending.ts';
import type { Commit, Outcome, Revision, Transaction } from './port.ts';

export interface PipelineOptions {
  readonly log: CommitLog;
  readonly host: IndexHost;
  readonly clock: Clock;
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
  /** After a group is in the index and before its transactions settle. */
  readonly onApplied: (commits: () => readonly Commit[]) => void;
  /** The index could not take a group. Resolves when it has it. */
  readonly onIndexFailed: (error: unknown, upTo: Revision) => Promise<void>;
  /** There is no space for a group. */
  readonly onFull: (error: WeirError) => void;
}

interface Group {
  readonly pending: readonly Pending[];
  readonly firstRevision: Revision;
  readonly commits: readonly (readonly PendingChange[])[];
  wallMs: number;
}

/** Bytes of transactions that go into one group, unless a single one has more. */
const groupBytesMax = 16 * 1024 * 1024;
/** Groups that are durable and not yet in the index, before the log waits for it. */
const unappliedMax = 4;

/**
 * The way of a transaction: judged on arrival against everything before it → waits while a group is being written → its
 * group is appended to the log and synced → applied to the index → watchers are told → it settles. While one group is
 * synced the next one gathers, and the one before is applied.
 */
export class CommitPipeline {
  readonly #options: PipelineOptions;
  readonly #state: PendingState;
  #waiting: Pending[] = [];
  #waitingBytes = 0;
  #unapplied: Group[] = [];
  #writing = false;
  #applying = false;
  #scheduled = false;
  #revision: Revision;
  #refusal: WeirError | undefined;
  #idle: (() => void)[] = [];

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#revision = options.log.lastRevision;
    this.#state = new PendingState(this.#revision, (key) => {
      const { index } = options.host;
      const row = index.currentRow(key);
      if (row === undefined) return undefined;
      const { createRevision, modRevision } = index.decode(key, row);
      return { row, createRevision, modRevision };
    });
  }

  /** The last revision that is durable and in the index. */
  get revision(): Revision {
    return this.#revision;
  }

  /** Transactions fail with `error` until it is called with undefined. */
  refuse(error: WeirError | undefined): void {
    this.#refusal = error;
  }

  submit(transaction: Transaction): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#refusal !== undefined) throw this.#refusal;
      const { waitingMax, waitingBytesMax } = this.#options;
      const bytes = transactionBytes(transaction);
      if (this.#waiting.length >= waitingMax || (this.#waitingBytes + bytes > waitingBytesMax && this.#waiting.length > 0)) {
        throw new WeirError('store-busy', `${this.#waiting.length} transactions wait already; try again`);
      }
      const { outcome, changes } = this.#state.judge(transaction);
      this.#waiting.push({ outcome, changes, bytes, resolve, reject });
      this.#waitingBytes += bytes;
      this.#schedule();
    });
  }

  /** Behind everything that this turn of the loop submits, so that it goes into one group. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      if (this.#writing || this.#waiting.length === 0 || this.#unapplied.length >= unappliedMax) return;
      this.#writing = true;
      void this.#write(this.#nextGroup());
    });
  }

  #nextGroup(): Group {
    let count = 0;
    let bytes = 0;
    for (const { bytes: more } of this.#waiting) {
      if (count > 0 && bytes + more > groupBytesMax) break;
      bytes += more;
      count++;
    }
    const pending = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingBytes -= bytes;
    const commits = pending.map(({ changes }) => changes).filter((changes) => changes.length > 0);
    const firstRevision = this.#options.log.lastRevision + 1;
    return { pending, firstRevision, commits, wallMs: 0 };
  }

  async #write(group: Group): Promise<void> {
    const { log, clock } = this.#options;
    try {
      if (group.commits.length > 0) {
        // The wall clock may be set back; the order of commits stays that of their times.
        group.wallMs = Math.max(clock.wallMs(), log.lastWallMs);
        await log.append(group);
      }
      this.#unapplied.push(group);
    } catch (error) {
      this.#fail(group, error);
    }
    this.#writing = false;
    this.#schedule();
    if (!this.#applying) void this.#apply();
  }

  /** Nothing of the group is in the state; what waited was judged upon it and fails too. */
  #fail(group: Group, error: unknown): void {
    const code = error instanceof WeirError ? error.code : 'store-failed';
    const later = code === 'unknown-outcome' ? new WeirError('store-failed', 'an earlier write failed', { cause: error }) : error;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#state.reset(
      this.#options.log.lastRevision,
      this.#unapplied.flatMap(({ commits }) => commits.flat()),
    );
    if (error instanceof WeirError && code === 'store-full') this.#options.onFull(error);
    for (const { reject } of group.pending) reject(error);
    for (const { reject } of waiting) reject(later);
  }

  async #apply(): Promise<void> {
    this.#applying = true;
    for (let group = this.#unapplied[0]; group !== undefined; group = this.#unapplied[0]) {
      const reached = group.firstRevision + group.commits.length - 1;
      const failure = await this.#applyGroup(group, reached);
      this.#unapplied.shift();
      this.#state.applied(group.commits.flat());
      if (failure === undefined) this.#settle(group, reached);
      else for (const { reject } of group.pending) reject(failure);
      this.#schedule();
    }
    this.#applying = false;
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Durable, but when the index cannot take it, whether it counts shows only once the index is open again. */
  async #applyGroup(group: Group, reached: Revision): Promise<WeirError | undefined> {
    const { host, onIndexFailed } = this.#options;
    if (group.commits.length === 0) return undefined;
    try {
      const commits = group.commits.map((changes, at) => ({ revision: group.firstRevision + at, changes }));
      await host.index.apply(commits);
      return undefined;
    } catch (error) {
      try {
        await onIndexFailed(error, reached);
        return undefined;
      } catch (cause) {
        return new WeirError('unknown-outcome', 'durable, but not yet in the index; read it again later', { cause });
      }
    }
  }

  #settle(group: Group, reached: Revision): void {
    this.#revision = reached;
    const { commits, firstRevision, wallMs } = group;
    if (commits.length > 0) {
      this.#options.onApplied(() => commits.map((changes, at) => commitOf(firstRevision + at, wallMs, changes)));
    }
    for (const { resolve, outcome } of group.pending) resolve(outcome);
  }

  /** The index was opened again behind the back of the groups, and has all that the log has. */
  resume(): void {
    this.#revision = this.#options.log.lastRevision;
    this.#state.reset(this.#revision, []);
    this.#refusal = undefined;
  }

  get #isIdle(): boolean {
    return this.#waiting.length === 0 && this.#unapplied.length === 0 && !this.#writing && !this.#applying;
  }

  /** When nothing is under way. Refuse first, or it may never come. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }
}
