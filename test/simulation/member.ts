import type { Raft, RaftOptions } from '../../cluster/raft/raft.ts';
import type { Entry, LogIndex, MemberId, Message, Term, Write } from '../../cluster/raft/types.ts';
import type { Agenda } from './agenda.ts';
import type { Dice } from './dice.ts';
import { Disk, type SnapshotState } from './disk.ts';
import type { Invariants } from './invariants.ts';
import { wordsOf } from './invariants.ts';

export interface Surroundings {
  readonly agenda: Agenda;
  readonly dice: Dice;
  readonly invariants: Invariants;
  /** The core: the true one, or one with a fault in it. */
  readonly makeRaft: (options: RaftOptions) => Raft;
  readonly diskOf: (member: MemberId) => Disk;
  /** Hands a message to the network; of a snapshot, with its state. */
  readonly send: (message: Message, state: SnapshotState | undefined) => void;
}

export interface Waiting {
  readonly onApplied: (value: string | undefined, isMine: boolean) => void;
  readonly words: string;
}

const tickMs = 10;
/** So many intervals behind a tick, it is taken that the process stood still. */
const lateTicks = 1.5;
const keptBehind = 20;

/** One member with its disk: the node's loop in miniature, every step of it at a time of its own, and any of them may be the last. */
export class Member {
  readonly id: MemberId;
  readonly disk: Disk;
  readonly #around: Surroundings;
  #raft: Raft | undefined;
  /** Counts starts: what was under way in an earlier life ends with it. */
  #life = 0;
  #values = new Map<string, string>();
  #applied: LogIndex = 0;
  #write: Write | undefined;
  #staged: SnapshotState | undefined;
  /** How fast its clock goes, and its disk. */
  tickRate = 1;
  diskMs = 1;
  #tickedMs = 0;
  #frozenUntilMs = 0;
  #watchedTerm = 0;
  #watchedCommit: LogIndex = 0;
  readonly proposals = new Map<LogIndex, Waiting>();
  readonly reads = new Map<number, (value: ReadonlyMap<string, string> | undefined, index: LogIndex) => void>();
  readonly #readyReads: { readonly id: number; readonly index: LogIndex }[] = [];

  constructor(id: MemberId, disk: Disk, around: Surroundings) {
    this.id = id;
    this.disk = disk;
    this.#around = around;
  }

  get raft(): Raft | undefined {
    return this.#raft;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  get values(): ReadonlyMap<string, string> {
    return this.#values;
  }

  start(): void {
    const { dice, makeRaft } = this.#around;
    const { snapshot, hardState } = this.disk;
    this.#life++;
    this.#values = new Map(snapshot.values);
    this.#applied = snapshot.mark.index;
    this.#write = undefined;
    this.#raft = makeRaft({
      id: this.id,
      hardState,
      log: this.disk.stored(),
      applied: this.#applied,
      random: () => dice.unit(),
      heartbeatTicks: 2,
      electionTicks: 10,
      appendBytesMax: 400,
      flightsMax: 4,
      flightBytesMax: 2_000,
      promotionLagMax: 10,
      leaseFraction: 0.5,
    });
    this.#tickedMs = this.#around.agenda.nowMs;
    this.#scheduleTick();
  }

  /** It stands still, as a process that is stopped: what comes for it, its ticks and the ends of its writes wait until it goes on. */
  freeze(forMs: number): void {
    this.#frozenUntilMs = this.#around.agenda.nowMs + forMs;
  }

  /** At once, or when it goes on. */
  #awake(run: () => void): void {
    const { agenda } = this.#around;
    if (agenda.nowMs >= this.#frozenUntilMs) run();
    else agenda.in(this.#frozenUntilMs - agenda.nowMs, run);
  }

  crash(): void {
    this.disk.crash(this.#write, this.#staged, this.#around.dice);
    this.#raft = undefined;
    this.#life++;
    this.proposals.clear();
    this.reads.clear();
    this.#readyReads.length = 0;
    this.#staged = undefined;
  }

  #scheduleTick(): void {
    this.#later(tickMs / this.tickRate, (raft) => {
      this.#lookAtTime(raft);
      this.#tickedMs = this.#around.agenda.nowMs;
      raft.tick();
      this.turn();
      this.#scheduleTick();
    });
  }

  /** In this life only. */
  #later(delayMs: number, run: (raft: Raft) => void): void {
    const life = this.#life;
    const ifAlive = (): void => {
      if (this.#raft !== undefined && this.#life === life) run(this.#raft);
    };
    this.#around.agenda.in(delayMs, () => this.#awake(ifAlive));
  }

  #lookAtTime(raft: Raft): void {
    if (this.#around.agenda.nowMs - this.#tickedMs > (lateTicks * tickMs) / this.tickRate) raft.lapse();
  }

  /** A client's, that may have been waiting in its sockets. */
  read(id: number): void {
    this.#awake(() => {
      const raft = this.#raft;
      if (raft === undefined || !this.reads.has(id)) return;
      this.#lookAtTime(raft);
      raft.read(id);
      this.turn();
    });
  }

  deliver(message: Message, state: SnapshotState | undefined): void {
    this.#awake(() => this.#receive(message, state));
  }

  #receive(message: Message, state: SnapshotState | undefined): void {
    if (this.#raft === undefined) return;
    if (message.kind === 'read') this.#lookAtTime(this.#raft);
    if (message.kind === 'snapshot' && state !== undefined) {
      // While one is being installed another has to wait, and is sent again.
      if (this.#write?.snapshot !== undefined) return;
      if (message.term >= this.#raft.term && state.mark.index > this.#raft.commit) this.#staged = state;
    }
    this.#raft.step(message);
    this.turn();
  }

  /** Carries out what the core wants. */
  turn(): void {
    const raft = this.#raft;
    if (raft === undefined) return;
    this.#watch(raft);
    for (let ready = raft.ready(); ready !== undefined; ready = raft.ready()) {
      for (const message of ready.messages) this.#send(message);
      for (const read of ready.reads) this.#readyReads.push(read);
      for (const id of ready.lostReads) this.#endRead(id, undefined);
      for (const { to, from, upTo } of ready.fetches) {
        this.#later(this.diskMs, () => {
          raft.fetched(to, this.disk.entries(from, Math.min(upTo, from + 5)));
          this.turn();
        });
      }
      if (ready.write !== undefined) this.#persist(ready.write);
    }
    this.#apply(raft);
  }

  #watch(raft: Raft): void {
    if (raft.role !== 'leader') return;
    const { invariants, diskOf } = this.#around;
    const { term, commit, membership } = raft;
    if (this.#watchedTerm !== term) {
      this.#watchedTerm = term;
      this.#watchedCommit = commit;
      invariants.leads(this.id, term, (index) => raft.termAt(index), this.disk.snapshot.mark.index);
      // Its own vote is being written along with its first entry when nobody else votes.
      if (membership.voters.length > 1) {
        invariants.onMajority(`the election of ${this.id} in term ${term}`, membership.voters, (voter) =>
          diskOf(voter).votedFor(this.id, term),
        );
      }
    }
    if (commit === this.#watchedCommit) return;
    this.#watchedCommit = commit;
    const committedTerm = raft.termAt(commit) ?? 0;
    invariants.onMajority(`the committed entry ${commit}`, membership.voters, (voter) => diskOf(voter).has(commit, committedTerm));
  }

  #send(message: Message): void {
    const state = message.kind === 'snapshot' ? { mark: message.mark, values: new Map(this.#values) } : undefined;
    if (message.kind === 'snapshot' && message.mark.index !== this.#applied) throw new Error('a snapshot is of what is applied');
    this.#around.send(message, state);
  }

  #persist(write: Write): void {
    const { dice } = this.#around;
    this.#write = write;
    this.#later(this.diskMs * (0.5 + dice.unit()), (raft) => {
      this.disk.write(write, this.#staged, Number.POSITIVE_INFINITY);
      this.#write = undefined;
      if (write.snapshot !== undefined) {
        this.#values = new Map(this.disk.snapshot.values);
        this.#applied = write.snapshot.index;
      }
      raft.persisted();
      for (const message of write.replies) this.#send(message);
      this.turn();
    });
  }

  #apply(raft: Raft): void {
    // A snapshot that is on its way replaces the state; nothing is applied to the one before it.
    if (this.#write?.snapshot !== undefined || raft.applicable <= this.#applied) {
      this.#answerReads();
      return;
    }
    for (const entry of this.#entriesOf(raft, this.#applied + 1, raft.applicable)) this.#applyEntry(entry, raft.term);
    raft.applied(this.#applied);
    this.#answerReads();
    if (this.#around.dice.chance(0.05)) raft.release(this.#applied - this.#around.dice.between(0, keptBehind));
    if (this.#around.dice.chance(0.02)) this.#compact(raft);
  }

  #entriesOf(raft: Raft, from: LogIndex, upTo: LogIndex): readonly Entry[] {
    return raft.entries(from, upTo, Number.POSITIVE_INFINITY) ?? this.disk.entries(from, upTo);
  }

  #applyEntry(entry: Entry, term: Term): void {
    if (entry.index !== this.#applied + 1) throw new Error(`${this.id} applies ${entry.index} behind ${this.#applied}`);
    this.#around.invariants.applies(this.id, entry, term);
    this.#applied = entry.index;
    const words = wordsOf(entry);
    if (entry.kind === 'command') {
      const { key, value } = JSON.parse(words) as { readonly key: string; readonly value: string };
      this.#values.set(key, value);
    }
    const proposal = this.proposals.get(entry.index);
    this.proposals.delete(entry.index);
    proposal?.onApplied(words, proposal.words === words);
  }

  #answerReads(): void {
    for (const read of this.#readyReads.splice(0)) {
      if (read.index > this.#applied) this.#readyReads.push(read);
      else this.#endRead(read.id, this.#values);
    }
  }

  #endRead(id: number, values: ReadonlyMap<string, string> | undefined): void {
    const onEnd = this.reads.get(id);
    this.reads.delete(id);
    onEnd?.(values, this.#applied);
  }

  #compact(raft: Raft): void {
    if (this.#write !== undefined || this.#applied <= this.disk.snapshot.mark.index) return;
    const stored = this.disk.stored();
    const term = raft.termAt(this.#applied);
    const membership = stored.memberships.findLast(({ index }) => index <= this.#applied)?.membership;
    if (term === undefined || membership === undefined) throw new Error('what is applied is in the log');
    this.disk.compact({ mark: { index: this.#applied, term, membership }, values: new Map(this.#values) });
    raft.compacted(this.#applied);
  }
}
