import { WeirError } from '../../src/base/errors.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Entry, LogIndex, Term } from '../raft/types.ts';
import { encodeGroup } from '../storage/group.ts';
import type { IndexHost } from '../storage/host.ts';
import type { IndexedCommit } from '../storage/indexed-commit.ts';
import { type Pending, type PendingChange, PendingState } from './pending.ts';
import type { Outcome, Transaction } from './port.ts';

export interface ProposerOptions {
  readonly host: IndexHost;
  readonly clock: Clock;
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
  /** Where the payload will stand; undefined while leadership goes to another. Throws `not-leader`. */
  readonly propose: (payload: Uint8Array) => { readonly index: LogIndex; readonly term: Term } | undefined;
  /** Settles once nobody else can have led before the call, and what was committed then is applied. */
  readonly barrier: () => Promise<void>;
  /** Wall clock of the last commit in the log. */
  readonly lastWallMs: () => number;
}

interface Group {
  readonly pending: readonly Pending[];
  readonly commits: readonly IndexedCommit[];
  /** Where it stands in the log; of a group that changes nothing, that of the one before it. */
  readonly index: LogIndex;
  readonly term: Term;
  /** Of a group that changes nothing: nobody else led when it was judged. */
  isConfirmed: boolean;
  /** Those who wait for it were told that it is unknown. */
  isGivenUp: boolean;
}

/** Bytes of transactions that go into one group, unless a single one has more. */
const groupBytesMax = 16 * 1024 * 1024;
/** Groups that are under way, before the next one waits. */
const unappliedMax = 64;

/**
 * The way of a transaction at the leader: judged on arrival against everything before it → waits while a group is being made durable here →
 * its group is proposed → committed and applied → it settles. While one group is made durable the next one gathers.
 *
 * Closed (this member does not lead, or does not yet have all that was committed before it did) → open → closed.
 */
export class Proposer {
  readonly #options: ProposerOptions;
  readonly #state: PendingState;
  #waiting: Pending[] = [];
  #waitingBytes = 0;
  /** Of what is under way, by its id. */
  readonly #requests = new Map<string, Outcome>();
  #unapplied: Group[] = [];
  #isOpen = false;
  #isPersisting = false;
  /** Leadership is going to another: either this member leads no more, or goes on. */
  #isHeld = false;
  #scheduled = false;
  #lastWallMs = 0;
  /** Of the last group. */
  #lastIndex: LogIndex = 0;
  #refusal: WeirError | undefined;
  #idle: (() => void)[] = [];

  constructor(options: ProposerOptions) {
    this.#options = options;
    this.#state = new PendingState(options.host.applied, (key) => {
      const { index } = options.host;
      const row = index.currentRow(key);
      if (row === undefined) return undefined;
      const { createRevision, modRevision } = index.decode(key, row);
      return { row, createRevision, modRevision };
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** This member leads, and has applied everything that was committed before. */
  open(): void {
    const { host, lastWallMs } = this.#options;
    this.#isOpen = true;
    this.#isPersisting = false;
    this.#isHeld = false;
    this.#lastIndex = host.appliedIndex;
    this.#lastWallMs = lastWallMs();
    this.#state.reset(host.applied, []);
  }

  /** What is under way may or may not be committed: all of it gets `error`. */
  close(error: WeirError): void {
    this.#isOpen = false;
    const pending = [...this.#unapplied.flatMap((group) => group.pending), ...this.#waiting];
    this.#unapplied = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#requests.clear();
    for (const { reject } of pending) reject(error);
    this.#settleIdle();
  }

  /** Transactions fail with `error` until it is called with undefined. */
  refuse(error: WeirError | undefined): void {
    this.#refusal = error;
  }

  /** `requestId`: by which it is known when it is sent again; empty when it never is. */
  submit(transaction: Transaction, bytes: number, requestId: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      // Another one leads, or is about to; for who is alone there is none.
      if (!this.#isOpen && (this.#refusal === undefined || requestId !== ''))
        throw new WeirError('not-leader', 'this member does not lead');
      const known = this.#known(requestId);
      if (known === undefined && this.#refusal !== undefined) throw this.#refusal;
      const { waitingMax, waitingBytesMax } = this.#options;
      if (this.#waiting.length >= waitingMax || (this.#waitingBytes + bytes > waitingBytesMax && this.#waiting.length > 0)) {
        throw new WeirError('store-busy', `${this.#waiting.length} transactions wait already; try again`);
      }
      const { outcome, changes } = known ?? this.#state.judge(transaction);
      this.#waiting.push({ requestId, outcome, changes, bytes, resolve, reject });
      if (changes.length > 0 && requestId !== '') this.#requests.set(requestId, outcome);
      this.#waitingBytes += bytes;
      this.#schedule();
    });
  }

  /** It was committed, or is about to be. */
  #known(requestId: string): { outcome: Outcome; changes: PendingChange[] } | undefined {
    if (requestId === '') return undefined;
    const revision = this.#requests.get(requestId)?.revision ?? this.#options.host.index.committedAt(requestId);
    return revision === undefined ? undefined : { outcome: { committed: true, revision }, changes: [] };
  }

  /** Behind everything that this turn of the loop submits, so that it goes into one group. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      if (!this.#isOpen || this.#isHeld || this.#isPersisting) return;
      if (this.#waiting.length === 0 || this.#unapplied.length >= unappliedMax) return;
      this.#propose(this.#nextGroup());
    });
  }

  #nextGroup(): readonly Pending[] {
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
    return pending;
  }

  #propose(pending: readonly Pending[]): void {
    // The wall clock may be set back; the order of commits stays that of their times.
    const wallMs = Math.max(this.#options.clock.wallMs(), this.#lastWallMs);
    const commits = pending
      .filter(({ changes }) => changes.length > 0)
      .map(({ requestId, outcome, changes }) => ({ revision: outcome.revision, wallMs, requestId, changes }));
    const first = commits[0];
    if (first === undefined) {
      void this.#confirm({ pending, commits, index: this.#lastIndex, term: 0, isConfirmed: false, isGivenUp: false });
      return;
    }
    try {
      const place = this.#options.propose(encodeGroup({ firstRevision: first.revision, wallMs, commits }));
      if (place === undefined) {
        this.#hold(pending);
        return;
      }
      const { index, term } = place;
      this.#isPersisting = true;
      this.#lastWallMs = wallMs;
      this.#lastIndex = index;
      this.#unapplied.push({ pending, commits, index, term, isConfirmed: false, isGivenUp: false });
    } catch (error) {
      for (const { reject } of pending) reject(error);
      this.close(error instanceof WeirError ? error : new WeirError('not-leader', 'this member does not lead', { cause: error }));
    }
  }

  /** They wait as before, in front of all that came since. */
  #hold(pending: readonly Pending[]): void {
    this.#isHeld = true;
    this.#waiting = [...pending, ...this.#waiting];
    for (const { bytes } of pending) this.#waitingBytes += bytes;
  }

  /** This member leads on. */
  goOn(): void {
    this.#isHeld = false;
    this.#schedule();
  }

  /** Nothing changes, which is only true while nobody else leads. */
  async #confirm(group: Group): Promise<void> {
    this.#unapplied.push(group);
    this.#schedule();
    try {
      await this.#options.barrier();
      group.isConfirmed = true;
    } catch (error) {
      if (!this.#unapplied.includes(group)) return;
      this.#unapplied = this.#unapplied.filter((each) => each !== group);
      for (const { reject } of group.pending) reject(error);
    }
    this.#settleConfirmed();
  }

  /** What a group that changes nothing was judged upon may still be under way: it settles behind that. */
  #settleConfirmed(): void {
    const { appliedIndex } = this.#options.host;
    const settled = this.#unapplied.filter(({ isConfirmed, index }) => isConfirmed && index <= appliedIndex);
    if (settled.length > 0) {
      this.#unapplied = this.#unapplied.filter((group) => !settled.includes(group));
      for (const { pending } of settled) for (const { resolve, outcome } of pending) resolve(outcome);
    }
    this.#settleIdle();
  }

  /** What was proposed so far is durable here. */
  persisted(): void {
    this.#isPersisting = false;
    this.#schedule();
  }

  /** What this member proposed as the entry. */
  prepared(entry: Entry): readonly IndexedCommit[] | undefined {
    return this.#unapplied.find((group) => group.index === entry.index && group.term === entry.term)?.commits;
  }

  /** The index has the entries. */
  applied(entries: readonly Entry[]): void {
    for (const { index, term } of entries) {
      const at = this.#unapplied.findIndex((group) => group.index === index && group.term === term);
      const [group] = at < 0 ? [] : this.#unapplied.splice(at, 1);
      if (group === undefined) continue;
      this.#state.applied(group.commits.flatMap(({ changes }) => changes as readonly PendingChange[]));
      for (const { requestId, resolve, outcome } of group.pending) {
        this.#requests.delete(requestId);
        resolve(outcome);
      }
    }
    this.#schedule();
    this.#settleConfirmed();
  }

  /** Whether what is under way is committed cannot be shown now. */
  unknown(error: WeirError): void {
    for (const group of this.#unapplied) {
      group.isGivenUp = true;
      for (const { reject } of group.pending) reject(error);
    }
    this.#settleIdle();
  }

  get #isIdle(): boolean {
    return this.#waiting.length === 0 && this.#unapplied.every(({ isGivenUp }) => isGivenUp);
  }

  /** When nobody waits for what is under way. Refuse first, or it may never come. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }

  #settleIdle(): void {
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
