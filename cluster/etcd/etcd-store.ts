import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import { reasonOf, WeirError } from '../../src/base/errors.ts';
import { indexMsMax, transactionBytes } from '../store/bounds.ts';
import { closedError, CompactedError } from '../store/errors.ts';
import type { Commit, Entry, Outcome, RangeRequest, RangeResult, Revision, Store, Transaction, Watch } from '../store/port.ts';
import { type OnCommits, type OnEnd, WatchHub } from '../store/watcher.ts';
import type { DirectoryLock } from '../storage/lock.ts';
import { EtcdBase } from './base.ts';
import { decodeHead, EtcdLayout, type Head } from './layout.ts';
import type { EtcdAccess, EtcdLink } from './link.ts';
import { EtcdLog } from './log.ts';
import { History, setBack } from './history.ts';
import { TransactionQueue, type Waiting } from './queue.ts';
import type { Replica } from './replica.ts';
import { Upkeep } from './upkeep.ts';
import { judged, type JudgedGroup } from './judgement.ts';

export interface EtcdStoreOptions {
  readonly etcd: EtcdAccess;
  /** Of this member's copy, made when it is missing; one process at a time. It can be removed while the store is closed. */
  readonly directory: string;
  readonly clock: Clock;
  /** How long versions are kept, 24 h. The same at all members. */
  readonly retentionMs?: number;
  /** How often versions that are too old are looked for, 60 s. */
  readonly compactionIntervalMs?: number;
  /** Buffers and cache of the copy, 32 MiB. */
  readonly indexMemoryBytes?: number;
  /** For how long an etcd that does not answer is tried, 6 s. */
  readonly patienceMs?: number;
  /** Transactions that may wait before `store-busy`, 16,384, and their bytes, 64 MiB. */
  readonly waitingMax?: number;
  readonly waitingBytesMax?: number;
  /** Told of what goes on wrong in the background. For the log. */
  readonly onProblem?: (error: WeirError) => void;
}

export interface Parts {
  readonly link: EtcdLink;
  readonly layout: EtcdLayout;
  readonly replica: Replica;
  readonly lock: DirectoryLock;
}

const dayMs = 24 * 60 * 60 * 1_000;
const mebibyte = 1024 * 1024;
/** How often it is asked whether something was missed. */
const lookIntervalMs = 1_000;
/** A group that others always come before. */
const contentionMs = 10_000;
const contentionPauseMs = 20;
const awayPauseMs = 100;

/**
 * The store's port on etcd. etcd keeps the sequence of commits (`EtcdLog`) and a state to begin with (`EtcdBase`); each member follows it into a replica,
 * judges its transactions there, and appends what they come to under the compare that nobody else has appended meanwhile. The proposer decides,
 * etcd only orders; so members need no leader among them.
 */
export class EtcdStore implements Store {
  readonly #clock: Clock;
  readonly #parts: Parts;
  readonly #log: EtcdLog;
  readonly #history: History;
  readonly #hub: WatchHub;
  readonly #queue: TransactionQueue;
  readonly #upkeep: Upkeep;
  readonly #onProblem: (error: WeirError) => void;
  #bell: { close(): void } | undefined;
  #looking: NodeJS.Timeout | undefined;
  /** What changes the replica, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  /** That of the replica's state; undefined when it has to be looked up. */
  #head: Head | undefined;
  #revision: Revision;
  #compacted: Revision;
  readonly #reads = new Set<Promise<unknown>>();
  #barrier: Promise<void> | undefined;
  #nextBarrier: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: EtcdStoreOptions, parts: Parts) {
    const { link, layout, replica } = parts;
    this.#clock = options.clock;
    this.#parts = parts;
    this.#onProblem = options.onProblem ?? (() => undefined);
    this.#revision = replica.applied;
    this.#compacted = replica.index.compacted;
    this.#log = new EtcdLog(link, layout, options.clock);
    const base = new EtcdBase(link, layout, this.#log);
    this.#history = new History({ log: this.#log, base, replica });
    this.#hub = new WatchHub({
      revision: () => this.#revision,
      after: (position) => this.#commitsAfter(position),
      // Reads wait while the copy is exchanged.
      isDown: () => false,
    });
    this.#queue = new TransactionQueue({
      waitingMax: options.waitingMax ?? 16_384,
      waitingBytesMax: options.waitingBytesMax ?? 64 * mebibyte,
      commit: (group) => this.#next(() => this.#commit(group)),
    });
    this.#upkeep = new Upkeep({
      clock: options.clock,
      base,
      replica,
      retentionMs: options.retentionMs ?? dayMs,
      intervalMs: options.compactionIntervalMs ?? 60_000,
      neededFrom: () => Math.min(this.#hub.oldestPosition, this.#revision),
      refuseBelow: (compacted) => this.#refuseBelow(compacted),
      onProblem: (error) => this.#onProblem(error),
    });
  }

  /** It has everything that was committed before the call. */
  async start(): Promise<void> {
    await this.#next(() => this.#catchUp());
    const { link, layout } = this.#parts;
    this.#bell = link.bell(layout.marks, (put) => this.#ring(put));
    this.#looking = setInterval(() => this.#look(), lookIntervalMs);
    this.#looking.unref();
    this.#upkeep.start();
  }

  get revision(): Revision {
    return this.#revision;
  }

  get compactedRevision(): Revision {
    return this.#compacted;
  }

  current(): Promise<Revision> {
    return this.#reading(async () => {
      await this.#current();
      return this.#revision;
    });
  }

  get(key: string, at?: Revision): Promise<Entry | undefined> {
    return this.#reading(async () => {
      if (at === undefined) await this.#current();
      else this.#assertKept(at);
      return this.#parts.replica.read(async (index) => (at === undefined ? index.current(key) : index.past(key, at)), indexMsMax);
    });
  }

  range(request: RangeRequest): Promise<RangeResult> {
    return this.#reading(async () => {
      if (request.at === undefined) await this.#current();
      else this.#assertKept(request.at);
      return this.#parts.replica.read((index) => index.range(request), indexMsMax);
    });
  }

  async transact(transaction: Transaction): Promise<Outcome> {
    this.#assertOpen();
    return this.#queue.submit(transaction, transactionBytes(transaction));
  }

  watch(since: Revision, onCommits: OnCommits, onEnd?: OnEnd): Watch {
    this.#assertOpen();
    this.#assertKept(since);
    return this.#hub.watch(since, onCommits, onEnd);
  }

  revisionAt(wallMs: number): Promise<Revision> {
    return this.#reading(() => this.#history.revisionAt(wallMs, this.#revision));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { link, replica, lock } = this.#parts;
    await this.#queue.idle();
    await Promise.allSettled(this.#reads);
    this.#hub.end(closedError());
    clearInterval(this.#looking);
    this.#bell?.close();
    await this.#upkeep.stop();
    await this.#turn;
    link.close();
    await replica.close();
    await lock.release();
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    const running = read();
    this.#reads.add(running);
    try {
      return await running;
    } finally {
      this.#reads.delete(running);
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #assertKept(revision: Revision): void {
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
  }

  #next<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run);
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  /** This member has everything that was committed before the call: reads that come while etcd is asked share the next question. */
  #current(): Promise<void> {
    if (this.#barrier === undefined) return this.#beginAsking();
    this.#nextBarrier ??= this.#barrier
      .catch(() => undefined)
      .then(() => {
        this.#nextBarrier = undefined;
        return this.#beginAsking();
      });
    return this.#nextBarrier;
  }

  #beginAsking(): Promise<void> {
    const asking = this.#ask().finally(() => {
      if (this.#barrier === asking) this.#barrier = undefined;
    });
    this.#barrier = asking;
    return asking;
  }

  async #ask(): Promise<void> {
    const before = this.#revision;
    const { head, state } = await this.#log.marks();
    if (head.revision < before) throw setBack(head.revision, before);
    if (head.revision > this.#revision || state.compacted > this.#compacted) {
      await this.#next(() => this.#catchUpTo(head.revision, state.compacted));
    }
  }

  /** A watch that has yet to catch up waits while etcd is away. */
  async #commitsAfter(position: Revision): Promise<readonly Commit[]> {
    for (;;) {
      try {
        return await this.#history.after(position, this.#revision);
      } catch (error) {
        if (!isAway(error)) throw error;
        if (this.#closing !== undefined) throw closedError();
        await pause(awayPauseMs);
      }
    }
  }

  /** The bell tells what a mark has become. */
  #ring(put: { readonly key: Buffer; readonly value: Buffer } | undefined): void {
    const isKnown =
      put?.key.equals(this.#parts.layout.head) === true && decodeHead({ ...put, mod_revision: '' }).revision <= this.#revision;
    if (!isKnown) this.#look();
  }

  #look(): void {
    if (this.#closing === undefined) this.#current().catch((error: unknown) => this.#tell(error));
  }

  async #catchUpTo(revision: Revision, compacted: Revision): Promise<void> {
    if (revision > this.#revision || compacted > this.#compacted) await this.#catchUp();
  }

  /** The replica becomes what etcd has. Nobody else changes it meanwhile. */
  async #catchUp(): Promise<void> {
    this.#head = undefined;
    for (;;) {
      const { head, isReplaced } = await this.#history.follow((commits) => this.#applied(commits));
      if (isReplaced) this.#replaced();
      const { state } = this.#history;
      if (state.compacted > this.#compacted) await this.#noteCompacted(state.compacted);
      if (head === undefined) continue;
      this.#head = head;
      return;
    }
  }

  #applied(commits: () => readonly Commit[]): void {
    this.#revision = this.#parts.replica.applied;
    this.#hub.deliver(commits);
  }

  /** Watches cannot tell what happened between the two states. */
  #replaced(): void {
    const { replica } = this.#parts;
    this.#revision = replica.applied;
    this.#compacted = replica.index.compacted;
    this.#hub.end(new CompactedError(0, this.#compacted));
  }

  async #noteCompacted(compacted: Revision): Promise<void> {
    this.#refuseBelow(compacted);
    if (this.#parts.replica.applied >= compacted) await this.#parts.replica.index.refuseBelow(compacted);
  }

  #refuseBelow(compacted: Revision): void {
    this.#compacted = Math.max(this.#compacted, compacted);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const endMs = this.#clock.nowMs() + contentionMs;
    try {
      for (;;) {
        if (this.#head === undefined) await this.#catchUp();
        const outcomes = await this.#attempt(group);
        if (outcomes !== undefined) {
          for (const [at, outcome] of outcomes.entries()) group[at]?.resolve(outcome);
          return;
        }
        this.#head = undefined;
        if (this.#clock.nowMs() > endMs)
          throw new WeirError('store-busy', 'other members write so much that this one does not get through');
        await pause(Math.random() * contentionPauseMs);
      }
    } catch (error) {
      this.#head = undefined;
      const reason = error instanceof WeirError ? error : new WeirError('store-failed', reasonOf(error), { cause: error });
      for (const { reject } of group) reject(reason);
    }
  }

  /** Undefined when others have written meanwhile. */
  async #attempt(group: readonly Waiting[]): Promise<readonly Outcome[] | undefined> {
    const head = this.#head;
    if (head === undefined) return undefined;
    const work: JudgedGroup = judged(group, head, this.#parts.replica.index, this.#clock.wallMs());
    if (work.proposal === undefined) {
      // Nothing changes, which is only true while this is the last state.
      const { head: present } = await this.#log.marks();
      return present.modRevision === head.modRevision ? work.outcomes : undefined;
    }
    const appended = await this.#log.append({ ...work.proposal, head });
    if (appended === undefined) return undefined;
    await this.#history.apply(work.commits, (commits) => this.#applied(commits));
    this.#head = appended;
    return work.outcomes;
  }

  #tell(error: unknown): void {
    if (isAway(error)) return;
    this.#onProblem(error instanceof WeirError ? error : new WeirError('store-failed', reasonOf(error), { cause: error }));
  }
}

function isAway(error: unknown): boolean {
  return error instanceof WeirError && error.code === 'no-leader';
}
