import { reasonOf, WeirError } from '../../src/base/errors.ts';
import { Watermark } from '../../src/base/watermark.ts';
import type { MembershipChange } from '../raft/memberships.ts';
import { Raft, type RaftOptions } from '../raft/raft.ts';
import type { Entry, LogIndex, MemberId, Membership, Message, Ready, SnapshotMark, Term, Write } from '../raft/types.ts';
import type { HardStateFile } from '../storage/hard-state.ts';
import type { EntryLog } from '../storage/log.ts';
import { CompactedError } from '../store/errors.ts';
import { Barriers, noLeader } from './barriers.ts';

export interface NodeOptions {
  readonly id: MemberId;
  readonly log: EntryLog;
  readonly hardState: HardStateFile;
  readonly machine: Machine;
  /** Monotonic, also while the process stands still. */
  readonly nowMs: () => number;
  readonly tuning: Omit<RaftOptions, 'id' | 'hardState' | 'log' | 'applied'> & { readonly tickMs: number };
  readonly send: (message: Message) => void;
  /** A member needs a snapshot; `snapshotEnded` tells that it went or failed. */
  readonly sendSnapshot: (to: MemberId, term: Term) => void;
  /** Puts the snapshot that was received in the place of state and log. */
  readonly installSnapshot: (mark: SnapshotMark) => Promise<void>;
  readonly events: NodeEvents;
}

/** What the committed entries are for. */
export interface Machine {
  /** Everything up to it was applied. */
  readonly appliedIndex: LogIndex;
  /** Entries behind `appliedIndex`, committed and durable. One call at a time. */
  apply(entries: readonly Entry[]): Promise<void>;
}

export interface NodeEvents {
  /** This member leads, or does no more, or another does. */
  readonly onLeader: (leader: MemberId | undefined, term: Term) => void;
  /** What was proposed up to it is durable here. */
  readonly onPersisted: () => void;
  /** Leadership was to go to another, and did not: this member leads on, and takes proposals again. */
  readonly onTransferGivenUp: () => void;
  readonly onMembership: (membership: Membership) => void;
  /** The disk took nothing; nothing was acknowledged, and the core was begun again from what is durable. */
  readonly onWriteFailed: (error: WeirError) => void;
  /** Entries for another member could not be read; they are asked for again. */
  readonly onReadFailed: (error: unknown) => void;
}

/** Bytes of entries that are applied at once, unless a single one has more. */
const applyBytesMax = 8 * 1024 * 1024;
/** Entries that stay in memory behind what is applied, for followers that are a little late. */
const residentMax = 4_096;
/**
 * A tick that is later than so many intervals ends leases. Half an election timeout of ticks, each as late as that, is over before
 * the first voter is free to follow another leader.
 */
const lateTicks = 1.5;

/**
 * A member's loop: what the core wants, in the order that safety needs. Send what may go → make durable → send what waited for that → apply.
 * While one write is under way, messages go on and the next write gathers; applying has a pace of its own.
 *
 * Life cycle: new → start → stop. A write that fails ends the core's life and begins another from what is on disk, as a crash would.
 */
export class RaftNode {
  readonly #options: NodeOptions;
  readonly #barriers = new Barriers((id) => this.#raft.forgetRead(id));
  readonly #applied: Watermark;
  #raft: Raft;
  /** Counts the lives of the core: what was under way in an earlier one ends without effect. */
  #life = 0;
  #timer: NodeJS.Timeout | undefined;
  #tickedMs: number;
  /** What members are to be told at the end of this turn of the loop. */
  readonly #notices = new Map<MemberId, Message>();
  #isTurning = false;
  #isApplying = false;
  #writing: Promise<void> | undefined;
  #applying: Promise<void> | undefined;
  #leader: MemberId | undefined;
  #term: Term = 0;
  #membership: Membership;
  #suspension: WeirError | undefined;
  #stopped = false;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#raft = this.#newRaft();
    this.#applied = new Watermark('entry', options.machine.appliedIndex);
    this.#membership = this.#raft.membership;
    this.#tickedMs = options.nowMs();
  }

  #newRaft(): Raft {
    const { id, log, hardState, machine, tuning } = this.#options;
    return new Raft({ ...tuning, id, hardState: hardState.hardState, log: log.stored(), applied: machine.appliedIndex });
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), this.#options.tuning.tickMs).unref();
    // Alone, there is nobody to wait for.
    if (this.isAlone) this.#raft.campaign();
    this.turn();
  }

  get isAlone(): boolean {
    const { voters } = this.#raft.membership;
    return voters.length === 1 && voters[0] === this.#options.id;
  }

  /** A write failed, and the disk is not there again. */
  get isSuspended(): boolean {
    return this.#suspension !== undefined;
  }

  get isLeader(): boolean {
    return this.#raft.role === 'leader';
  }

  get leader(): MemberId | undefined {
    return this.#raft.leader;
  }

  get term(): Term {
    return this.#raft.term;
  }

  get commit(): LogIndex {
    return this.#raft.commit;
  }

  get membership(): Membership {
    return this.#raft.membership;
  }

  matchOf(member: MemberId): LogIndex | undefined {
    return member === this.#options.id ? this.#raft.last : this.#raft.progressOf(member)?.match;
  }

  #tick(): void {
    this.#lookAtTime();
    this.#tickedMs = this.#options.nowMs();
    if (this.#suspension !== undefined) return;
    const { transferee } = this.#raft;
    this.#raft.tick();
    this.turn();
    if (transferee !== undefined && this.isLeader && this.#raft.transferee === undefined) this.#options.events.onTransferGivenUp();
  }

  /** Between two ticks the core takes time to stand still, which it does not while the process is stopped. */
  #lookAtTime(): void {
    const { nowMs, tuning } = this.#options;
    if (nowMs() - this.#tickedMs > lateTicks * tuning.tickMs) this.#raft.lapse();
  }

  receive(message: Message): void {
    if (this.#stopped || this.#suspension !== undefined) return;
    if (message.kind === 'read') this.#lookAtTime();
    this.#raft.step(message);
    this.turn();
  }

  /** The index at which the payload will stand, if this member goes on leading in this term. Undefined while leadership goes to another. Throws `not-leader`. */
  propose(payload: Uint8Array): { readonly index: LogIndex; readonly term: Term } | undefined {
    const index = this.#raft.propose([payload]);
    if (index === 'transferring') return undefined;
    if (typeof index !== 'number') throw new WeirError('not-leader', 'this member does not lead');
    queueMicrotask(() => this.turn());
    return { index, term: this.#raft.term };
  }

  change(change: MembershipChange): LogIndex {
    const index = this.#raft.change(change);
    if (typeof index !== 'number') throw new WeirError(index, `members cannot be changed so: ${index}`);
    this.turn();
    return index;
  }

  transfer(to: MemberId): void {
    const outcome = this.#raft.transfer(to);
    if (outcome !== 'under-way') throw new WeirError(outcome, `leadership cannot go to ${to}: ${outcome}`);
    this.turn();
  }

  /** A leader that cannot do its part lets the other voter lead that has most. */
  handOver(): void {
    if (!this.isLeader || this.#suspension !== undefined) return;
    const others = this.#raft.membership.voters.filter((voter) => voter !== this.#options.id);
    const best = others.toSorted((left, right) => (this.matchOf(right) ?? 0) - (this.matchOf(left) ?? 0))[0];
    if (best === undefined) return;
    this.#raft.transfer(best);
    this.turn();
  }

  /** Everything that was committed before the call is applied when it settles. Rejects with `no-leader` when nobody can tell, or that takes longer. */
  async barrier(timeoutMs?: number): Promise<void> {
    const index = await this.#barriers.ask((id) => {
      if (this.#stopped || this.#suspension !== undefined) return false;
      this.#lookAtTime();
      this.#raft.read(id);
      this.turn();
      return true;
    });
    await this.#applied.reached(index, timeoutMs);
  }

  /** Whether the snapshot of this place was taken, and is not yet in its place. */
  isInstalling(index: LogIndex): boolean {
    return this.#raft.restoring === index;
  }

  snapshotEnded(to: MemberId): void {
    this.#raft.snapshotEnded(to);
    this.turn();
  }

  /** Entries up to the index are no longer in the log. */
  dropped(index: LogIndex): void {
    if (index <= this.#options.machine.appliedIndex) this.#raft.compacted(index);
  }

  unreachable(member: MemberId): void {
    this.#raft.unreachable(member);
    this.turn();
  }

  /** Carries out what the core wants now. Calls from within come to the same. */
  turn(): void {
    if (this.#isTurning || this.#stopped || this.#suspension !== undefined) return;
    this.#isTurning = true;
    try {
      for (let ready = this.#raft.ready(); ready !== undefined; ready = this.#raft.ready()) this.#carryOut(ready);
    } finally {
      this.#isTurning = false;
    }
    this.#tell();
    if (!this.#isApplying) this.#applying = this.#apply();
  }

  #carryOut(ready: Ready): void {
    for (const message of ready.messages) this.#send(message);
    for (const { id, index } of ready.reads) this.#barriers.answered(id, index);
    for (const id of ready.lostReads) this.#barriers.lost(id);
    for (const { to, from, upTo } of ready.fetches) void this.#fetch(to, from, upTo);
    if (ready.write !== undefined) this.#writing = this.#persist(ready.write);
  }

  #send(message: Message): void {
    if (message.kind === 'snapshot') this.#options.sendSnapshot(message.to, message.term);
    else if (message.kind === 'append' && message.isNotice) this.#sendSoon(message);
    else {
      if (message.kind === 'append') this.#notices.delete(message.to);
      this.#options.send(message);
    }
  }

  /** Behind the answers to those who wait for what is committed; not at all when entries go meanwhile, which tell it too. */
  #sendSoon(notice: Message): void {
    if (this.#notices.size === 0) setImmediate(() => this.#sendNotices());
    this.#notices.set(notice.to, notice);
  }

  #sendNotices(): void {
    for (const notice of this.#notices.values()) this.#options.send(notice);
    this.#notices.clear();
  }

  async #fetch(to: MemberId, from: LogIndex, upTo: LogIndex): Promise<void> {
    const life = this.#life;
    let entries: readonly Entry[] = [];
    try {
      entries = await this.#options.log.entries(from, upTo, this.#options.tuning.appendBytesMax);
    } catch (error) {
      // What was dropped meanwhile goes as a snapshot.
      if (!(error instanceof CompactedError)) this.#options.events.onReadFailed(error);
    }
    if (life !== this.#life) return;
    this.#raft.fetched(to, entries);
    this.turn();
  }

  async #persist(write: Write): Promise<void> {
    const { log, hardState, events } = this.#options;
    const life = this.#life;
    try {
      if (write.hardState !== undefined) await hardState.write(write.hardState);
      if (write.snapshot !== undefined) await this.#install(write.snapshot);
      if (write.entries.length > 0) await log.append(write.entries);
    } catch (error) {
      if (life === this.#life && !this.#stopped) this.#failed(error);
      return;
    }
    if (life !== this.#life || this.#stopped) return;
    this.#raft.persisted();
    for (const message of write.replies) this.#send(message);
    events.onPersisted();
    this.turn();
  }

  async #install(mark: SnapshotMark): Promise<void> {
    await this.#options.installSnapshot(mark);
    this.#applied.raise(this.#options.machine.appliedIndex);
  }

  /** Nothing of the write is known to be kept. What is on disk decides, as behind a crash. */
  #failed(cause: unknown): void {
    const error = cause instanceof WeirError ? cause : new WeirError('store-failed', reasonOf(cause), { cause });
    this.#suspension = error;
    this.#life++;
    this.#loseReads();
    this.#options.events.onWriteFailed(error);
    this.#tellLeader(undefined);
  }

  /** The disk is there again: the core begins a new life from what it holds. */
  resume(): void {
    if (this.#suspension === undefined) return;
    this.#raft = this.#newRaft();
    this.#suspension = undefined;
    this.#applied.raise(this.#options.machine.appliedIndex);
    if (this.isAlone) this.#raft.campaign();
    this.turn();
  }

  async #apply(): Promise<void> {
    this.#isApplying = true;
    try {
      for (let raft = this.#raft; raft.applicable > this.#options.machine.appliedIndex; raft = this.#raft) {
        if (this.#stopped || this.#suspension !== undefined) return;
        await this.#applyPage(raft);
      }
    } finally {
      this.#isApplying = false;
    }
  }

  async #applyPage(raft: Raft): Promise<void> {
    const { machine, log } = this.#options;
    const from = machine.appliedIndex + 1;
    const upTo = raft.applicable;
    const entries = raft.entries(from, upTo, applyBytesMax) ?? (await log.entries(from, upTo, applyBytesMax));
    await machine.apply(entries);
    this.#applied.raise(machine.appliedIndex);
    if (raft !== this.#raft) return;
    raft.applied(machine.appliedIndex);
    raft.release(machine.appliedIndex - residentMax);
  }

  #tell(): void {
    this.#tellLeader(this.#raft.leader);
    if (this.#raft.membership === this.#membership) return;
    this.#membership = this.#raft.membership;
    this.#options.events.onMembership(this.#membership);
  }

  #tellLeader(leader: MemberId | undefined): void {
    if (leader === this.#leader && this.#raft.term === this.#term) return;
    this.#leader = leader;
    this.#term = this.#raft.term;
    this.#options.events.onLeader(leader, this.#term);
  }

  #loseReads(): void {
    this.#barriers.loseAll();
    this.#applied.fail(noLeader());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#loseReads();
    await this.#writing;
    await this.#applying;
  }
}
