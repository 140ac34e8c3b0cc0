import { assert } from '../../src/base/errors.ts';
import { Ballot } from './ballot.ts';
import { ElectionTimer } from './election-timer.ts';
import { Follower } from './follower.ts';
import { type ChangeRefusal, Leader, type LeaderOptions } from './leader.ts';
import { RaftLog, type StoredLog } from './log.ts';
import type { MembershipChange } from './memberships.ts';
import { Outbox } from './outbox.ts';
import type { Progress } from './progress.ts';
import { electionOf } from './quorum.ts';
import type { Entry, HardState, LogIndex, MemberId, Membership, Message, Ready, Term } from './types.ts';

export interface RaftOptions extends LeaderOptions {
  readonly id: MemberId;
  readonly hardState: HardState;
  readonly log: StoredLog;
  /** What the state machine has; it is committed. */
  readonly applied: LogIndex;
  /** 0 ≤ x < 1, for election timeouts. */
  readonly random: () => number;
}

type Role =
  | { readonly kind: 'follower'; readonly leader: MemberId | undefined }
  /** Asks whether it would be voted for; no term was begun. */
  | { readonly kind: 'pre-candidate'; readonly votes: Map<MemberId, boolean> }
  | { readonly kind: 'candidate'; readonly votes: Map<MemberId, boolean>; readonly isTransfer: boolean }
  | { readonly kind: 'leader'; readonly leader: Leader };

export type ProposalRefusal = 'not-leader' | 'transferring';

/**
 * One member of a Raft cluster, without effects: messages, ticks and proposals come in, `ready` tells what is to be done.
 *
 * The node's loop: `step`, `tick`, `propose` … → `ready` → send messages; persist what `write` holds, then `persisted` and send its replies;
 * apply entries up to `commit` that are durable, then `applied`.
 *
 * Deterministic: the same calls with the same `random` give the same results.
 */
export class Raft {
  readonly #options: RaftOptions;
  readonly #log: RaftLog;
  readonly #outbox: Outbox;
  readonly #ballot: Ballot;
  readonly #follower: Follower;
  readonly #timer: ElectionTimer;
  #isWriting = false;
  #role: Role = { kind: 'follower', leader: undefined };
  #commit: LogIndex;
  #applied: LogIndex;
  /** Of the snapshot that is being put in place. */
  #restoring: LogIndex | undefined;
  readonly #forwardedReads = new Set<number>();

  constructor(options: RaftOptions) {
    this.#options = options;
    this.#log = new RaftLog(options.log);
    this.#ballot = new Ballot(options.hardState);
    assert(options.applied >= this.#log.base && options.applied <= this.#log.last, 'what was applied is in the log');
    this.#commit = options.applied;
    this.#applied = options.applied;
    this.#outbox = new Outbox(options.id, (message) => this.#mayGo(message));
    this.#follower = new Follower({
      log: this.#log,
      outbox: this.#outbox,
      term: () => this.term,
      commit: () => this.#commit,
      raiseCommit: (index) => this.#raiseCommit(index),
      restored: ({ index }) => {
        this.#restoring = index;
        this.#applied = index;
      },
    });
    this.#timer = new ElectionTimer(options.electionTicks, options.random);
  }

  get term(): Term {
    return this.#ballot.term;
  }

  get commit(): LogIndex {
    return this.#commit;
  }

  get last(): LogIndex {
    return this.#log.last;
  }

  /** Entries up to it may be applied: committed, and durable here. */
  get applicable(): LogIndex {
    return Math.min(this.#commit, this.#log.durable);
  }

  get role(): Role['kind'] {
    return this.#role.kind;
  }

  get leader(): MemberId | undefined {
    if (this.#role.kind === 'leader') return this.#options.id;
    return this.#role.kind === 'follower' ? this.#role.leader : undefined;
  }

  get membership(): Membership {
    return this.#log.membership;
  }

  /** The place of a snapshot that is not yet durable. */
  get restoring(): LogIndex | undefined {
    return this.#restoring;
  }

  /** As the leader knows it. */
  progressOf(member: MemberId): Readonly<Progress> | undefined {
    return this.#role.kind === 'leader' ? this.#role.leader.progressOf(member) : undefined;
  }

  termAt(index: LogIndex): Term | undefined {
    return this.#log.termAt(index);
  }

  /** Undefined when they are no longer in memory. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    return this.#log.entries(from, upTo, bytesMax);
  }

  /** A call for each interval of the member's clock. */
  tick(): void {
    if (this.#role.kind === 'leader') {
      if (this.#role.leader.tick() === 'lost-quorum') this.#becomeFollower(this.term, undefined);
      return;
    }
    if (!this.#timer.tick()) return;
    if (this.#isVoter) this.#campaign('pre-vote');
    else this.#becomeFollower(this.term, undefined);
  }

  /** Stands for election now, as if its leader had been silent for long. */
  campaign(): void {
    if (this.#role.kind !== 'leader' && this.#isVoter) this.#campaign('pre-vote');
  }

  get #isVoter(): boolean {
    return this.#log.membership.voters.includes(this.#options.id);
  }

  #campaign(how: 'pre-vote' | 'vote' | 'transfer'): void {
    const { id } = this.#options;
    const { voters } = this.#log.membership;
    this.#loseForwardedReads();
    this.#timer.reset();
    const votes = new Map([[id, true]]);
    const isTransfer = how === 'transfer';
    if (how === 'pre-vote') this.#role = { kind: 'pre-candidate', votes };
    else {
      this.#setTerm(this.term + 1, id);
      this.#role = { kind: 'candidate', votes, isTransfer };
    }
    if (this.#countVotes()) return;
    const body = { lastIndex: this.#log.last, lastTerm: this.#log.lastTerm };
    for (const voter of voters) {
      if (voter === id) continue;
      if (how === 'pre-vote') this.#outbox.send(voter, this.term + 1, { kind: 'pre-vote', ...body });
      else this.#outbox.send(voter, this.term, { kind: 'vote', ...body, isTransfer });
    }
  }

  /** Returns whether the election is over. */
  #countVotes(): boolean {
    const role = this.#role;
    if (role.kind !== 'candidate' && role.kind !== 'pre-candidate') return true;
    switch (electionOf(this.#log.membership.voters, role.votes)) {
      case 'won':
        if (role.kind === 'pre-candidate') this.#campaign('vote');
        else this.#becomeLeader();
        return true;
      case 'lost':
        this.#becomeFollower(this.term, undefined);
        return true;
      case 'open':
        return false;
    }
  }

  #becomeLeader(): void {
    this.#role = {
      kind: 'leader',
      leader: new Leader({
        id: this.#options.id,
        term: this.term,
        log: this.#log,
        outbox: this.#outbox,
        options: this.#options,
        commit: () => this.#commit,
        applied: () => this.#applied,
        raiseCommit: (index) => this.#raiseCommit(index),
      }),
    };
  }

  #raiseCommit(index: LogIndex): void {
    assert(index > this.#commit && index <= this.#log.last, 'only what is in the log is committed');
    this.#commit = index;
  }

  #becomeFollower(term: Term, leader: MemberId | undefined): void {
    if (this.#role.kind === 'leader') for (const id of this.#role.leader.ownReads()) this.#outbox.loseRead(id);
    if (this.leader !== leader || term > this.term) this.#loseForwardedReads();
    if (term > this.term) this.#setTerm(term, undefined);
    if (this.#role.kind !== 'follower') this.#timer.reset();
    this.#role = { kind: 'follower', leader };
  }

  #setTerm(term: Term, votedFor: MemberId | undefined): void {
    this.#ballot.begin(term, votedFor);
    this.#outbox.forgetHeld();
  }

  #loseForwardedReads(): void {
    for (const id of this.#forwardedReads) this.#outbox.loseRead(id);
    this.#forwardedReads.clear();
  }

  step(message: Message): void {
    assert(message.to === this.#options.id, 'a message is for this member');
    if (message.term > this.term && !this.#acceptsTerm(message)) return;
    if (message.term < this.term) {
      this.#stepStale(message);
      return;
    }
    switch (message.kind) {
      case 'pre-vote':
        this.#stepPreVote(message);
        return;
      case 'vote':
        this.#stepVote(message);
        return;
      case 'pre-vote-reply':
        if (this.#role.kind === 'pre-candidate') this.#stepReply(this.#role.votes, message);
        return;
      case 'vote-reply':
        if (this.#role.kind === 'candidate') this.#stepReply(this.#role.votes, message);
        return;
      case 'append':
      case 'heartbeat':
      case 'snapshot':
        this.#hear(message.from);
        this.#follower.step(message);
        return;
      case 'timeout-now':
        if (this.#role.kind === 'follower' && this.#role.leader === message.from && this.#isVoter) this.#campaign('transfer');
        return;
      case 'read-reply':
        if (this.#forwardedReads.delete(message.id)) this.#outbox.answer({ id: message.id, index: message.index });
        return;
      case 'append-accepted':
      case 'append-refused':
      case 'heartbeat-reply':
      case 'read':
        if (this.#role.kind === 'leader') this.#role.leader.step(message);
        this.#leaveIfRemoved();
    }
  }

  /** The term goes up with the message, unless that is only asked about. False: the message is to be ignored. */
  #acceptsTerm(message: Message): boolean {
    if (message.kind === 'pre-vote' || message.kind === 'vote') {
      // A member that the leader still reaches does not help to depose it (§4.2.3, §6.4.1).
      const isTransfer = message.kind === 'vote' && message.isTransfer;
      if (!isTransfer && this.#isHeld) return false;
      if (message.kind === 'pre-vote') return true;
    }
    if (message.kind === 'pre-vote-reply' && message.granted) return true;
    const isLeaders = message.kind === 'append' || message.kind === 'heartbeat' || message.kind === 'snapshot';
    this.#becomeFollower(message.term, isLeaders ? message.from : undefined);
    return true;
  }

  get #isHeld(): boolean {
    return this.#role.kind === 'leader' || this.#timer.mayBeLed;
  }

  #stepStale(message: Message): void {
    const { from } = message;
    if (message.kind === 'pre-vote') this.#outbox.send(from, this.term, { kind: 'pre-vote-reply', granted: false });
    // A leader that does not know of this term cannot become current again without hearing of it.
    else if (message.kind === 'append' || message.kind === 'heartbeat') {
      this.#outbox.send(from, this.term, { kind: 'heartbeat-reply', round: 0 });
    }
  }

  #stepPreVote(message: Message & { kind: 'pre-vote' }): void {
    const granted = message.term > this.term && this.#log.isBehind(message.lastIndex, message.lastTerm);
    this.#outbox.send(message.from, granted ? message.term : this.term, { kind: 'pre-vote-reply', granted });
  }

  #stepVote(message: Message & { kind: 'vote' }): void {
    const { votedFor } = this.#ballot;
    const isFree = votedFor === message.from || (votedFor === undefined && this.leader === undefined);
    const granted = isFree && this.#log.isBehind(message.lastIndex, message.lastTerm);
    if (granted && votedFor === undefined) this.#ballot.vote(message.from);
    if (granted) this.#timer.reset();
    this.#outbox.send(message.from, this.term, { kind: 'vote-reply', granted });
  }

  #stepReply(votes: Map<MemberId, boolean>, message: Message & { kind: 'vote-reply' | 'pre-vote-reply' }): void {
    // Answers to an earlier question; a refusal of this one carries the member's own term.
    if (message.kind === 'pre-vote-reply' && message.granted && message.term !== this.term + 1) return;
    if (!votes.has(message.from)) votes.set(message.from, message.granted);
    this.#countVotes();
  }

  #hear(leader: MemberId): void {
    assert(this.#role.kind !== 'leader', 'a term has one leader');
    this.#timer.heard();
    if (this.leader !== leader) this.#becomeFollower(this.term, leader);
  }

  /** Appends to the leader's log, and returns the index of the first. How much waits for its commit is the caller's to bound. */
  propose(payloads: readonly Uint8Array[]): LogIndex | ProposalRefusal {
    if (this.#role.kind !== 'leader') return 'not-leader';
    const { leader } = this.#role;
    if (leader.transferee !== undefined) return 'transferring';
    return leader.append(payloads.map((payload) => ({ kind: 'command', payload })));
  }

  /** Returns the index of the entry that makes it; it holds at once, and for good when that is committed. */
  change(change: MembershipChange): LogIndex | ProposalRefusal | ChangeRefusal {
    if (this.#role.kind !== 'leader') return 'not-leader';
    const { leader } = this.#role;
    return leader.transferee === undefined ? leader.change(change) : 'transferring';
  }

  /** To whom leadership is going, if it is. */
  get transferee(): MemberId | undefined {
    return this.#role.kind === 'leader' ? this.#role.leader.transferee : undefined;
  }

  /** Lets another voter stand for election as soon as it has the whole log. Given up after an election timeout. */
  transfer(to: MemberId): 'under-way' | 'not-leader' | 'unknown-member' {
    return this.#role.kind === 'leader' ? this.#role.leader.transfer(to) : 'not-leader';
  }

  /** Asks for an index behind which a local read is linearizable; `ready` answers with `reads` or `lostReads`. Ids are the caller's, and differ. */
  read(id: number): void {
    if (this.#role.kind === 'leader') {
      this.#role.leader.read({ id, from: this.#options.id });
    } else if (this.leader === undefined) {
      this.#outbox.loseRead(id);
    } else {
      this.#forwardedReads.add(id);
      this.#outbox.send(this.leader, this.term, { kind: 'read', id });
    }
  }

  /** More time went by than ticks tell of, as when the process stood still: a lease does not outlast that. */
  lapse(): void {
    if (this.#role.kind === 'leader') this.#role.leader.lapse();
  }

  /** The caller gave up waiting. */
  forgetRead(id: number): void {
    this.#forwardedReads.delete(id);
  }

  fetched(member: MemberId, entries: readonly Entry[]): void {
    if (this.#role.kind === 'leader') this.#role.leader.fetched(member, entries);
  }

  snapshotEnded(member: MemberId): void {
    if (this.#role.kind === 'leader') this.#role.leader.snapshotEnded(member);
  }

  unreachable(member: MemberId): void {
    if (this.#role.kind === 'leader') this.#role.leader.unreachable(member);
    else if (member === this.leader) this.#loseForwardedReads();
  }

  #mayGo(message: Message): boolean {
    if (!this.#ballot.isDurable) return false;
    return message.kind !== 'append-accepted' || message.match <= this.#log.durable;
  }

  /** Undefined when there is nothing to do. While a write is under way, only what does not wait for it. */
  ready(): Ready | undefined {
    if (this.#role.kind === 'leader') this.#role.leader.flush();
    const needsWrite = this.#ballot.isChanged || this.#log.hasUnwritten;
    if (!needsWrite && !this.#isWriting) this.#outbox.releaseHeld();
    const isWriteDue = needsWrite && !this.#isWriting;
    if (!isWriteDue && this.#outbox.isEmpty) return undefined;
    return { ...this.#outbox.take(), write: isWriteDue ? this.#beginWrite() : undefined };
  }

  #beginWrite(): Ready['write'] {
    this.#isWriting = true;
    return { hardState: this.#ballot.beginWrite(), ...this.#log.beginWrite(), replies: this.#outbox.takeHeld() };
  }

  /** The write of the last `ready` is durable. Its replies may go. */
  persisted(): void {
    assert(this.#isWriting, 'a write was under way');
    this.#isWriting = false;
    this.#ballot.written();
    this.#log.written();
    if (this.#restoring !== undefined && this.#log.durable >= this.#restoring) this.#restoring = undefined;
    if (this.#role.kind === 'leader') this.#role.leader.advanceCommit();
    this.#leaveIfRemoved();
  }

  /** Once its own removal is committed, a leader leads no more (§4.2.2). */
  #leaveIfRemoved(): void {
    if (this.#role.kind !== 'leader' || this.#isVoter || this.#log.membershipIndex > this.#commit) return;
    this.#role.leader.flush();
    this.#becomeFollower(this.term, undefined);
  }

  /** The state machine has all up to `index`. */
  applied(index: LogIndex): void {
    assert(index <= this.#commit, 'what is applied is committed');
    // A snapshot may have come in meanwhile.
    this.#applied = Math.max(this.#applied, index);
  }

  /** Entries up to `index` need not be in memory; those that are not yet durable or applied stay. */
  release(index: LogIndex): void {
    this.#log.release(Math.min(index, this.#applied));
  }

  /** Entries up to `index` are no longer on disk. */
  compacted(index: LogIndex): void {
    assert(index <= this.#applied, 'what is dropped was applied');
    this.#log.dropThrough(index);
  }
}
