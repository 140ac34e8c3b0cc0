import { setTimeout as pause } from 'node:timers/promises';
import { WeirError } from '../../src/base/errors.ts';
import { Watermark } from '../../src/base/watermark.ts';
import { RaftNode } from '../node/node.ts';
import { tuning } from '../node/tuning.ts';
import type { MembershipChange } from '../raft/memberships.ts';
import type { MemberId, Term } from '../raft/types.ts';
import type { DerivedIndex } from '../storage/derivation.ts';
import type { HardStateFile } from '../storage/hard-state.ts';
import { IndexHost } from '../storage/host.ts';
import type { DirectoryLock } from '../storage/lock.ts';
import type { EntryLog } from '../storage/log.ts';
import type { DiskReserve } from '../storage/reserve.ts';
import { encodeChunks, type SnapshotDirectory } from '../storage/snapshot.ts';
import type { Transport } from '../transport/port.ts';
import { indexMsMax, transactionBytes } from './bounds.ts';
import { closedError, CompactedError } from './errors.ts';
import { MemberExchange } from './exchange.ts';
import { Forwarding, isForwarded } from './forwarding.ts';
import { IncomingSnapshots } from './incoming.ts';
import { StateMachine } from './machine.ts';
import { aloneId, type Cluster, type MemberStore, type OpenReport, type StoreOptions, type StoreSnapshot } from './member-store.ts';
import type { Commit, Entry, Outcome, RangeRequest, RangeResult, Revision, Transaction, Watch } from './port.ts';
import { loggedCommit } from './pending.ts';
import { Problems } from './problems.ts';
import { Proposer } from './proposer.ts';
import { ReadBarrier } from './read-barrier.ts';
import { Retention } from './retention.ts';
import { Upkeep } from './upkeep.ts';
import { type OnCommits, type OnEnd, WatchHub } from './watcher.ts';

export interface Parts {
  readonly lock: DirectoryLock;
  readonly log: EntryLog;
  readonly hardState: HardStateFile;
  readonly derived: DerivedIndex;
  readonly indexMemoryBytes: number;
  readonly snapshots: SnapshotDirectory;
  readonly reserve: DiskReserve;
  readonly isFull: boolean;
}

const dayMs = 24 * 60 * 60 * 1_000;
const mebibyte = 1024 * 1024;
const watchPageBytes = 64 * 1024;
const settleMs = 2_000;
/** What is applied is shown at once, but for an index that is being opened again. */
const showMsMax = 10_000;

export class ClusterStore implements MemberStore {
  readonly opened: OpenReport;
  readonly #id: MemberId;
  readonly #parts: Parts;
  readonly #options: StoreOptions;
  readonly #problems: Problems;
  readonly #host: IndexHost;
  readonly #node: RaftNode;
  readonly #machine: StateMachine;
  readonly #proposer: Proposer;
  readonly #forwarding: Forwarding;
  readonly #exchange: MemberExchange;
  readonly #reads: ReadBarrier;
  readonly #hub: WatchHub;
  readonly #retention: Retention;
  readonly #upkeep: Upkeep;
  readonly #incoming: IncomingSnapshots;
  #transport: Transport | undefined;
  /** The last revision that watchers were told of. */
  readonly #shown: Watermark;
  #closing: Promise<void> | undefined;

  constructor(options: StoreOptions, parts: Parts) {
    const { clock, onProblem = () => undefined } = options;
    const { log, derived, snapshots } = parts;
    this.#id = options.member?.id ?? aloneId;
    this.#parts = parts;
    this.#options = options;
    this.#problems = new Problems(onProblem);
    const host = new IndexHost(derived.index, {
      log,
      memoryBytes: parts.indexMemoryBytes,
      onFailed: (error, reopen) => this.#upkeep.indexFailed(error, reopen),
      onDown: (cause) =>
        this.#proposer.unknown(new WeirError('unknown-outcome', 'durable, but not yet in the index; read it again later', { cause })),
    });
    this.#host = host;
    this.#shown = new Watermark('revision', host.applied);
    this.opened = {
      tornTail: log.tornTail,
      replayedCommits: derived.replayedCommits,
      verifiedBytes: log.verifiedBytes,
      entryCount: derived.entryCount,
      indexRebuilt: derived.rebuilt,
      full: parts.isFull,
    };
    this.#hub = new WatchHub({
      revision: () => this.revision,
      after: (position) => this.#commitsAfter(position),
      isDown: () => host.isDown,
    });
    this.#machine = new StateMachine({
      host,
      prepared: (entry) => this.#proposer.prepared(entry),
      onApplied: (entries, commits) => {
        this.#shown.raise(host.applied);
        this.#hub.deliver(commits);
        this.#proposer.applied(entries);
      },
    });
    this.#node = this.#newNode();
    this.#proposer = new Proposer({
      host,
      clock,
      waitingMax: options.waitingMax ?? 16_384,
      waitingBytesMax: options.waitingBytesMax ?? 64 * mebibyte,
      propose: (payload) => this.#node.propose(payload),
      barrier: () => this.#node.barrier(),
      lastWallMs: () => log.lastWallMs,
    });
    this.#forwarding = new Forwarding({
      id: this.#id,
      clock,
      node: this.#node,
      proposer: this.#proposer,
      request: (to, request, timeoutMs) => this.#peers.request(to, request, timeoutMs),
      applied: this.#shown,
    });
    this.#exchange = new MemberExchange({
      id: this.#id,
      membership: () => this.#node.membership,
      request: (to, request, timeoutMs) => this.#peers.request(to, request, timeoutMs),
    });
    this.#reads = new ReadBarrier({ clock, barrier: (timeoutMs) => this.#node.barrier(timeoutMs) });
    this.#retention = new Retention({
      log,
      host,
      clock,
      retentionMs: options.retentionMs ?? dayMs,
      intervalMs: options.compactionIntervalMs ?? 60_000,
      neededFrom: () => this.#hub.oldestPosition,
      onDropped: (index) => this.#node.dropped(index),
      onFailed: (error) => this.#upkeep.compactionFailed(error),
    });
    this.#incoming = new IncomingSnapshots({
      id: this.#id,
      log,
      host,
      directory: snapshots,
      node: this.#node,
      onInstalled: () => this.#replaced(),
    });
    this.#upkeep = new Upkeep({
      directory: options.directory,
      reserve: parts.reserve,
      isFull: parts.isFull,
      onRefusing: (reason) => this.#refuse(reason),
      recover: () => this.#recover(),
      onProblem,
    });
  }

  #newNode(): RaftNode {
    const { log, hardState } = this.#parts;
    return new RaftNode({
      id: this.#id,
      log,
      hardState,
      machine: this.#machine,
      nowMs: () => this.#options.clock.nowMs(),
      tuning,
      send: (message) => this.#transport?.send(message),
      sendSnapshot: (to, term) => void this.#sendSnapshot(to, term),
      installSnapshot: (mark) => this.#incoming.install(mark),
      events: {
        onLeader: (leader, term) => this.#led(leader, term),
        onPersisted: () => this.#proposer.persisted(),
        onTransferGivenUp: () => this.#proposer.goOn(),
        onMembership: () => this.#options.member?.onMembership?.(),
        onWriteFailed: (error) => {
          // Others may have what this member does not keep, and commit it.
          this.#proposer.close(this.#node.isAlone ? error : new WeirError('leadership-lost', error.message, { cause: error }));
          this.#incoming.fail(error);
          this.#upkeep.writeFailed(error);
        },
        onReadFailed: (error) => this.#problems.readFailed(error),
      },
    });
  }

  get #peers(): Transport {
    if (this.#transport === undefined) throw new WeirError('no-leader', 'this member has no way to the others');
    return this.#transport;
  }

  /** A member that is alone has everything that it acknowledged when it settles. */
  async start(): Promise<void> {
    const { member } = this.#options;
    this.#transport = await member?.transport?.({
      onMessage: (message) => this.#node.receive(message),
      onRequest: (from, request) => this.#answer(from, request),
      onSnapshot: (from, offer, chunks) => this.#incoming.receive(from, offer, chunks),
      onUnreachable: (member) => this.#node.unreachable(member),
    });
    this.#node.start();
    if (this.#node.isAlone) await this.#node.barrier();
  }

  #answer(from: MemberId, request: unknown): Promise<unknown> {
    const { member } = this.#options;
    const answered = this.#exchange.receive(from, request);
    if (answered !== undefined) return answered;
    if (isForwarded(request) || member?.onRequest === undefined) return this.#forwarding.answer(request);
    return member.onRequest(from, request);
  }

  async #sendSnapshot(to: MemberId, term: Term): Promise<void> {
    try {
      await this.snapshot(({ base, chunks }) => this.#peers.sendSnapshot(to, { term, base }, chunks));
    } catch (error) {
      this.#problems.snapshotFailed(to, error);
    } finally {
      this.#node.snapshotEnded(to);
    }
  }

  async snapshot<T>(use: (snapshot: StoreSnapshot) => Promise<T>): Promise<T> {
    this.#assertOpen();
    const index = await this.#host.opened(indexMsMax);
    return index.rows(async (appliedIndex, batches) =>
      use({ base: await this.#parts.log.baseBehind(appliedIndex), chunks: encodeChunks(batches) }),
    );
  }

  /** Nothing can be written, for a reason; without one, it can be again. */
  #refuse(reason: WeirError | undefined): void {
    this.#proposer.refuse(reason);
    if (reason !== undefined) this.#node.handOver();
    else {
      this.#node.resume();
      this.#hub.resync();
    }
  }

  async #recover(): Promise<void> {
    const { log } = this.#parts;
    if (await this.#incoming.finish()) return;
    // LevelDB does not write again after a failure, also one in the background that nobody was told of yet.
    await this.#host.reopen();
    if (log.hasFailed) await log.reopen();
  }

  #replaced(): void {
    this.#shown.raise(this.#host.applied);
    this.#hub.end(new CompactedError(0, this.compactedRevision));
  }

  #led(leader: MemberId | undefined, term: number): void {
    this.#forwarding.led(leader);
    this.#options.member?.onLeader?.(leader, term);
    if (this.#proposer.isOpen) this.#proposer.close(new WeirError('leadership-lost', 'this member leads no more'));
    if (leader === this.#id) void this.#openProposer(term);
  }

  /** Once everything that others committed before is applied. Another leader may come before that. */
  async #openProposer(term: Term): Promise<void> {
    try {
      await this.#node.barrier();
    } catch {
      return;
    }
    if (this.#node.isLeader && this.#node.term === term) this.#proposer.open();
  }

  get cluster(): Cluster {
    const node = this.#node;
    return {
      id: this.#id,
      leader: node.leader,
      term: node.term,
      membership: node.membership,
      commitIndex: node.commit,
      appliedIndex: this.#machine.appliedIndex,
      matchOf: (member) => node.matchOf(member),
      change: (change: MembershipChange) => node.change(change),
      transfer: (to) => node.transfer(to),
      exchange: this.#exchange,
    };
  }

  get revision(): Revision {
    return this.#shown.value;
  }

  get compactedRevision(): Revision {
    return this.#host.compacted;
  }

  async current(): Promise<Revision> {
    this.#assertOpen();
    await this.#current();
    const { applied } = this.#host;
    await this.#shown.reached(applied, showMsMax);
    return applied;
  }

  async get(key: string, at?: Revision): Promise<Entry | undefined> {
    this.#assertOpen();
    if (at === undefined) await this.#current();
    if (at === undefined && !this.#host.isDown) return this.#host.index.current(key);
    return this.#host.read(async (index) => (at === undefined ? index.current(key) : index.past(key, at)), indexMsMax);
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.#assertOpen();
    if (request.at === undefined) await this.#current();
    return this.#host.read((index) => index.range(request), indexMsMax);
  }

  /** This member has everything that was committed before the call. */
  async #current(): Promise<void> {
    if (!this.#node.isAlone) await this.#reads.pass();
  }

  async transact(transaction: Transaction): Promise<Outcome> {
    if (this.#closing !== undefined) throw closedError();
    const bytes = transactionBytes(transaction);
    return this.#node.isAlone ? this.#transactAlone(transaction, bytes) : this.#forwarding.transact(transaction, bytes);
  }

  async #transactAlone(transaction: Transaction, bytes: number): Promise<Outcome> {
    try {
      return await this.#proposer.submit(transaction, bytes, '');
    } catch (error) {
      // Another member came meanwhile, and leads now.
      if (error instanceof WeirError && error.code === 'leadership-lost')
        throw new WeirError('unknown-outcome', 'another member leads now; it may have been committed', { cause: error });
      throw error;
    }
  }

  watch(since: Revision, onCommits: OnCommits, onEnd?: OnEnd): Watch {
    this.#assertOpen();
    if (since < this.compactedRevision) throw new CompactedError(since, this.compactedRevision);
    return this.#hub.watch(since, onCommits, onEnd);
  }

  async #commitsAfter(position: Revision): Promise<Commit[]> {
    const logged = await this.#parts.log.read(position + 1, this.revision, watchPageBytes);
    return this.#host.read(async (index) => {
      await index.settled();
      return logged.map((commit) => loggedCommit(commit, index));
    });
  }

  async revisionAt(wallMs: number): Promise<Revision> {
    this.#assertOpen();
    const found = (await this.#parts.log.revisionAt(wallMs, this.revision)) ?? 0;
    const compacted = this.compactedRevision;
    if (found < compacted) throw new CompactedError(found, compacted);
    return Math.min(found, this.revision);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { log, hardState, lock } = this.#parts;
    await this.#settle();
    this.#proposer.close(closedError());
    this.#reads.close(closedError());
    this.#shown.end(closedError());
    this.#hub.end(closedError());
    await this.#upkeep.stop();
    await this.#retention.stop();
    this.#incoming.fail(closedError());
    const stopped = this.#node.stop();
    await this.#transport?.close();
    // What is to be applied may wait for an index that is down.
    await this.#host.close();
    await stopped;
    await log.close();
    await hardState.close();
    await lock.release();
  }

  /** Alone, all that is under way settles; otherwise others may have to answer, who are not waited for long. */
  async #settle(): Promise<void> {
    const settled = Promise.all([this.#proposer.idle(), this.#forwarding.idle(), this.#reads.idle()]);
    await (this.#node.isAlone ? settled : Promise.race([settled, pause(settleMs, undefined, { ref: false })]));
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }
}
