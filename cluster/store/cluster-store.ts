import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { assert, WeirError } from '../../src/base/errors.ts';
import { RaftNode } from '../node/node.ts';
import type { MembershipChange } from '../raft/memberships.ts';
import type { MemberId, SnapshotMark, Term } from '../raft/types.ts';
import { isFull } from '../storage/files.ts';
import type { HardStateFile } from '../storage/hard-state.ts';
import type { IndexHost } from '../storage/host.ts';
import type { DirectoryLock } from '../storage/lock.ts';
import type { EntryLog } from '../storage/log.ts';
import type { DiskReserve } from '../storage/reserve.ts';
import type { SegmentBase } from '../storage/segment.ts';
import { encodeChunks, type SnapshotDirectory } from '../storage/snapshot.ts';
import type { SnapshotOffer, Transport } from '../transport/port.ts';
import { transactionBytes } from './bounds.ts';
import { CompactedError } from './errors.ts';
import { MemberExchange } from './exchange.ts';
import { Forwarding, isForwarded } from './forwarding.ts';
import { StateMachine } from './machine.ts';
import { aloneId, type Cluster, type MemberStore, type OpenReport, type StoreOptions, type StoreSnapshot } from './opening.ts';
import type { Commit, Entry, Outcome, RangeRequest, RangeResult, Revision, Transaction, Watch } from './port.ts';
import { loggedCommit } from './pending.ts';
import { Proposer } from './proposer.ts';
import { ReadBarrier } from './read-barrier.ts';
import { Retention } from './retention.ts';
import { Upkeep } from './upkeep.ts';
import { type OnCommits, type OnEnd, WatchHub } from './watcher.ts';

export interface Parts {
  readonly lock: DirectoryLock;
  readonly log: EntryLog;
  readonly hardState: HardStateFile;
  readonly host: IndexHost;
  readonly snapshots: SnapshotDirectory;
  readonly reserve: DiskReserve;
  readonly full: boolean;
}

/** A snapshot that is being received. */
interface IncomingSnapshot {
  readonly base: SegmentBase;
  /** Once all of it is there; a disk that fails before that concerns nobody who waits. */
  installed: PromiseWithResolvers<void> | undefined;
}

const dayMs = 24 * 60 * 60 * 1_000;
const mebibyte = 1024 * 1024;
const watchPageBytes = 64 * 1024;
const settleMs = 2_000;

/** Of the consensus: a leader that is silent is followed by another within 300 to 600 ms. */
const tuning = {
  tickMs: 25,
  heartbeatTicks: 2,
  electionTicks: 12,
  appendBytesMax: mebibyte,
  flightsMax: 64,
  flightBytesMax: 16 * mebibyte,
  promotionLagMax: 1_000,
  leaseFraction: 0.5,
  random: Math.random,
};

export class ClusterStore implements MemberStore {
  readonly opened: OpenReport;
  readonly #id: MemberId;
  readonly #parts: Parts;
  readonly #options: StoreOptions;
  readonly #node: RaftNode;
  readonly #machine: StateMachine;
  readonly #proposer: Proposer;
  readonly #forwarding: Forwarding;
  readonly #exchange: MemberExchange;
  readonly #reads: ReadBarrier;
  readonly #hub: WatchHub;
  readonly #retention: Retention;
  readonly #upkeep: Upkeep;
  #transport: Transport | undefined;
  /** The last revision that watchers were told of. */
  #revision: Revision;
  #incoming: IncomingSnapshot | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: StoreOptions, parts: Parts) {
    const { clock } = options;
    const { log, host } = parts;
    this.#id = options.member?.id ?? aloneId;
    this.#parts = parts;
    this.#options = options;
    this.#revision = host.applied;
    this.opened = {
      tornTail: log.tornTail,
      replayedCommits: host.replayedCommits,
      verifiedBytes: log.verifiedBytes,
      entryCount: host.entryCount,
      indexRebuilt: host.rebuilt,
      full: parts.full,
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
        this.#revision = host.applied;
        this.#hub.deliver(commits);
        this.#proposer.applied(entries);
        this.#forwarding.applied(host.applied);
      },
      onIndexFailed: (error, upTo) => this.#upkeep.indexFailed(error, upTo),
      onUnknown: (error) => this.#proposer.unknown(error),
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
      applied: () => this.#revision,
    });
    this.#exchange = new MemberExchange({
      id: this.#id,
      membership: () => this.#node.membership,
      request: (to, request, timeoutMs) => this.#peers.request(to, request, timeoutMs),
    });
    this.#reads = new ReadBarrier({ clock, barrier: () => this.#node.barrier() });
    this.#retention = new Retention({
      log,
      host,
      clock,
      retentionMs: options.retentionMs ?? dayMs,
      neededFrom: () => this.#hub.oldestPosition,
      onDropped: (index) => this.#node.dropped(index),
    });
    this.#upkeep = new Upkeep({
      directory: options.directory,
      log,
      host,
      reserve: parts.reserve,
      proposer: this.#proposer,
      machine: this.#machine,
      node: this.#node,
      hub: this.#hub,
      retention: this.#retention,
      compactionIntervalMs: options.compactionIntervalMs ?? 60_000,
      full: parts.full,
      finishSnapshot: () => this.#finishSnapshot(),
      onProblem: options.onProblem ?? (() => undefined),
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
      sendSnapshot: (to, term) => {
        void this.#sendSnapshot(to, term)
          .catch((error: unknown) => this.#upkeep.snapshotFailed(to, error))
          .finally(() => this.#node.snapshotEnded(to));
      },
      installSnapshot: (mark) => this.#installSnapshot(mark),
      events: {
        onLeader: (leader, term) => this.#led(leader, term),
        onPersisted: () => this.#proposer.persisted(),
        onTransferGivenUp: () => this.#proposer.goOn(),
        onMembership: () => this.#options.member?.onMembership?.(),
        onWriteFailed: (error) => {
          // Others may have what this member does not keep, and commit it.
          this.#proposer.close(this.#node.isAlone ? error : new WeirError('leadership-lost', error.message, { cause: error }));
          this.#incoming?.installed?.reject(error);
          this.#upkeep.writeFailed(error);
        },
        onReadFailed: (error) => this.#upkeep.readFailed(error),
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
      onSnapshot: (from, offer, chunks) => this.#receiveSnapshot(from, offer, chunks),
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

  #sendSnapshot(to: MemberId, term: Term): Promise<void> {
    return this.snapshot(({ base, chunks }) => this.#peers.sendSnapshot(to, { term, base }, chunks));
  }

  async snapshot<T>(use: (snapshot: StoreSnapshot) => Promise<T>): Promise<T> {
    this.#assertOpen();
    const { host, log } = this.#parts;
    const index = await host.opened();
    return index.rows(async (appliedIndex, batches) => use({ base: await log.baseBehind(appliedIndex), chunks: encodeChunks(batches) }));
  }

  /** Settles once it is in place, or was not wanted. */
  async #receiveSnapshot(from: MemberId, { term, base }: SnapshotOffer, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.#incoming !== undefined) throw new WeirError('store-busy', 'a snapshot is being received');
    // What was received before may be staged, and must stay.
    if (this.#node.isSuspended) throw new WeirError('store-busy', 'this member waits for its disk');
    const incoming: IncomingSnapshot = { base, installed: undefined };
    this.#incoming = incoming;
    try {
      await this.#parts.snapshots.receive(chunks);
      const installed = Promise.withResolvers<void>();
      incoming.installed = installed;
      const { index, membership } = base;
      this.#node.receive({ kind: 'snapshot', from, to: this.#id, term, mark: { index, term: base.term, membership } });
      if (this.#node.isInstalling(index)) await installed.promise;
    } finally {
      this.#incoming = undefined;
    }
  }

  async #installSnapshot(mark: SnapshotMark): Promise<void> {
    const { snapshots, log } = this.#parts;
    const incoming = this.#incoming;
    assert(incoming?.base.index === mark.index, 'what is installed was received');
    await snapshots.stage(incoming.base);
    await this.#machine.replace(() => snapshots.install(incoming.base, log, this.#indexDirectory));
    this.#replaced();
    incoming.installed?.resolve();
  }

  /** One that was staged when the disk failed takes its place now. Resolves with whether there was one. */
  async #finishSnapshot(): Promise<boolean> {
    const { snapshots, log } = this.#parts;
    // Without a failure its installation is still under way.
    const base = this.#node.isSuspended ? await snapshots.staged() : undefined;
    if (base === undefined) return false;
    await log.reopenAt(base);
    await this.#machine.replace(() => snapshots.install(base, log, this.#indexDirectory));
    this.#replaced();
    return true;
  }

  get #indexDirectory(): string {
    return join(this.#options.directory, 'index');
  }

  #replaced(): void {
    this.#revision = this.#parts.host.applied;
    this.#hub.end(new CompactedError(0, this.compactedRevision));
    this.#forwarding.applied(this.#revision);
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
    return this.#revision;
  }

  get compactedRevision(): Revision {
    return this.#parts.host.compacted;
  }

  async current(): Promise<Revision> {
    this.#assertOpen();
    await this.#current();
    const { applied } = this.#parts.host;
    await this.#forwarding.reached(applied);
    return applied;
  }

  async get(key: string, at?: Revision): Promise<Entry | undefined> {
    this.#assertOpen();
    const { host } = this.#parts;
    if (at === undefined) await this.#current();
    if (at === undefined && !host.isDown) return host.index.current(key);
    return host.read(async (index) => (at === undefined ? index.current(key) : index.past(key, at)));
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.#assertOpen();
    if (request.at === undefined) await this.#current();
    return this.#parts.host.read((index) => index.range(request));
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
    const { log, host } = this.#parts;
    const logged = await log.read(position + 1, this.revision, watchPageBytes);
    return host.read(async (index) => {
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
    const { log, host, hardState, lock } = this.#parts;
    await this.#settle();
    this.#proposer.close(closedError());
    this.#reads.close(closedError());
    this.#hub.end(closedError());
    await this.#upkeep.stop();
    this.#machine.stop();
    await this.#node.stop();
    await this.#transport?.close();
    if (!host.isDown) await this.#flush();
    await log.close();
    await hardState.close();
    await host.close();
    await lock.release();
  }

  /** Alone, all that is under way settles; otherwise others may have to answer, who are not waited for long. */
  async #settle(): Promise<void> {
    const settled = Promise.all([this.#proposer.idle(), this.#forwarding.idle(), this.#reads.idle()]);
    await (this.#node.isAlone ? settled : Promise.race([settled, pause(settleMs, undefined, { ref: false })]));
  }

  /** Spares the next opening the replay. Not needed for it, so a full disk may prevent it. */
  async #flush(): Promise<void> {
    try {
      await this.#parts.host.index.flush();
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }
}

function closedError(): WeirError {
  return new WeirError('store-closed', 'the store is closed');
}
