import type { RaftLog } from './log.ts';
import { entryBytes } from './log.ts';
import { changed, type MembershipChange } from './memberships.ts';
import type { Outbox } from './outbox.ts';
import { Progress } from './progress.ts';
import { majority, quorumIndex } from './quorum.ts';
import { type PendingRead, ReadQueue } from './reads.ts';
import type { Entry, LogIndex, MemberId, Membership, Message, Term } from './types.ts';

export interface LeaderOptions {
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  /** Bytes of entries in one message, unless a single one has more. */
  readonly appendBytesMax: number;
  /** Of appends that are under way to one member. */
  readonly flightsMax: number;
  readonly flightBytesMax: number;
  /** How far a learner may be behind the commit index and still be promoted. */
  readonly promotionLagMax: number;
  /** Of the election timeout, for how much of it an answered heartbeat proves that there is no other leader: bounds how far members' clocks may drift apart. 0: no leases. */
  readonly leaseFraction: number;
}

export interface LeaderContext {
  readonly id: MemberId;
  readonly term: Term;
  readonly log: RaftLog;
  readonly outbox: Outbox;
  readonly options: LeaderOptions;
  /** What is committed, and applied, and where it goes when a majority has more. */
  readonly commit: () => LogIndex;
  readonly applied: () => LogIndex;
  readonly raiseCommit: (index: LogIndex) => void;
}

export type ChangeRefusal = 'change-pending' | 'unknown-member' | 'already-member' | 'last-voter' | 'not-caught-up';

/** Between two looks at the others, none of a majority was heard: it must step down. */
export type TickOutcome = 'goes-on' | 'lost-quorum';

/** One member's leadership of one term: who has what, what is committed, which reads may be answered. */
export class Leader {
  readonly #context: LeaderContext;
  readonly #progress = new Map<MemberId, Progress>();
  readonly #reads = new ReadQueue();
  #tick = 0;
  #wantsReplication = true;
  #transfer: { readonly to: MemberId; readonly sinceTick: number } | undefined;
  /** An election that this leader asked for may come at any time, however late: leases prove nothing any more. */
  #mayLease = true;

  constructor(context: LeaderContext) {
    this.#context = context;
    this.#follow(context.log.membership);
    this.append([{ kind: 'empty' }]);
  }

  get transferee(): MemberId | undefined {
    return this.#transfer?.to;
  }

  progressOf(member: MemberId): Readonly<Progress> | undefined {
    return this.#progress.get(member);
  }

  #follow({ voters, learners }: Membership): void {
    const { id, log } = this.#context;
    const others = new Set([...voters, ...learners].filter((member) => member !== id));
    for (const member of this.#progress.keys()) if (!others.has(member)) this.#progress.delete(member);
    for (const member of others) {
      if (!this.#progress.has(member)) this.#progress.set(member, new Progress(log.last + 1));
    }
  }

  /** Returns the index of the first. */
  append(bodies: readonly AppendBody[]): LogIndex {
    const { log, term } = this.#context;
    const first = log.last + 1;
    for (const body of bodies) log.append({ index: log.last + 1, term, ...body });
    this.#wantsReplication = true;
    return first;
  }

  change(change: MembershipChange): LogIndex | ChangeRefusal {
    const { log, commit } = this.#context;
    // Another leader's change might be lost without this leader's first entry being committed (§4.1, and its erratum).
    if (log.membershipIndex > commit() || !this.#knowsCommit) return 'change-pending';
    const membership = changed(log.membership, change);
    if (typeof membership === 'string') return membership;
    if (change.kind === 'promote') {
      const match = this.#progress.get(change.member)?.match ?? 0;
      if (match + this.#context.options.promotionLagMax < commit()) return 'not-caught-up';
    }
    const index = this.append([{ kind: 'membership', membership }]);
    this.#follow(membership);
    return index;
  }

  get #knowsCommit(): boolean {
    const { log, commit, term } = this.#context;
    return log.termAt(commit()) === term;
  }

  tick(): TickOutcome {
    this.#tick++;
    const { heartbeatTicks, electionTicks } = this.#context.options;
    if (this.#tick % electionTicks === 0 && !this.#heardQuorum()) return 'lost-quorum';
    if (this.#transfer !== undefined && this.#tick - this.#transfer.sinceTick >= electionTicks) this.#transfer = undefined;
    if (this.#tick % heartbeatTicks === 0) this.#sendHeartbeats();
    return 'goes-on';
  }

  #heardQuorum(): boolean {
    const { id, log } = this.#context;
    const { voters } = log.membership;
    const heard = voters.filter((voter) => voter === id || this.#progress.get(voter)?.isActive === true).length;
    for (const progress of this.#progress.values()) progress.isActive = false;
    return heard >= majority(voters.length);
  }

  #sendHeartbeats(): void {
    const { outbox, term, commit } = this.#context;
    const round = this.#reads.beginRound(this.#tick);
    for (const [member, progress] of this.#progress) {
      const told = Math.min(progress.match, commit());
      outbox.send(member, term, { kind: 'heartbeat', commit: told, round });
    }
    this.#answerReads();
  }

  /** Sends what was gathered since the last call: to everyone what is missing there, as far as the windows allow. */
  flush(): void {
    if (this.#reads.isRoundWanted) this.#sendHeartbeats();
    if (!this.#wantsReplication) return;
    this.#wantsReplication = false;
    for (const [member, progress] of this.#progress) this.#replicate(member, progress);
  }

  #replicate(member: MemberId, progress: Progress): void {
    const { log, options, commit } = this.#context;
    while (progress.maySend(options)) {
      if (progress.mode === 'replicate' && progress.next > log.last && !progress.isToBeTold(commit())) return;
      const previousTerm = log.termAt(progress.next - 1);
      if (previousTerm === undefined) {
        this.#sendSnapshot(member, progress);
        return;
      }
      const entries = log.entries(progress.next, log.last, options.appendBytesMax);
      if (entries === undefined) {
        progress.isFetching = true;
        this.#context.outbox.fetch({ to: member, from: progress.next, upTo: log.last });
        return;
      }
      this.#sendAppend(member, progress, entries);
      if (entries.length === 0) return;
    }
  }

  #sendAppend(member: MemberId, progress: Progress, entries: readonly Entry[]): void {
    const { log, outbox, term, commit } = this.#context;
    const previousIndex = progress.next - 1;
    const previousTerm = log.termAt(previousIndex) ?? 0;
    const isNotice = progress.mode === 'replicate' && entries.length === 0 && progress.toldCommit >= 0;
    outbox.send(member, term, { kind: 'append', previousIndex, previousTerm, entries, commit: commit(), isNotice });
    const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    progress.sent(previousIndex + entries.length, bytes, commit());
  }

  #sendSnapshot(member: MemberId, progress: Progress): void {
    const { outbox, term, log, applied } = this.#context;
    if (!progress.isActive) return;
    progress.awaitSnapshot();
    outbox.send(member, term, { kind: 'snapshot', mark: log.markAt(applied()) });
  }

  /** Entries that were asked for. None: they could not be read, and are asked for again when the member is heard. */
  fetched(member: MemberId, entries: readonly Entry[]): void {
    const progress = this.#progress.get(member);
    if (progress === undefined || !progress.isFetching) return;
    progress.isFetching = false;
    if (entries.length === 0) {
      awaitWord(progress, progress.next);
      return;
    }
    const { log } = this.#context;
    const holds = entries[0]?.index === progress.next && entries.every((entry) => log.termAt(entry.index) === entry.term);
    if (holds && log.termAt(progress.next - 1) !== undefined) this.#sendAppend(member, progress, entries);
    this.#wantsReplication = true;
  }

  /** It got there or not, and the log may have moved on beyond it: what the member has, and needs, shows when it is heard. */
  snapshotEnded(member: MemberId): void {
    const progress = this.#progress.get(member);
    if (progress?.mode === 'snapshot') awaitWord(progress, progress.match + 1);
  }

  /** Messages to the member were lost for certain. */
  unreachable(member: MemberId): void {
    const progress = this.#progress.get(member);
    if (progress?.mode === 'replicate') progress.probe(progress.match + 1);
  }

  step(message: Message): void {
    const progress = this.#progress.get(message.from);
    if (progress === undefined) return;
    progress.isActive = true;
    switch (message.kind) {
      case 'append-accepted':
        this.#accepted(message.from, progress, message.match);
        break;
      case 'append-refused':
        this.#refused(progress, message.refused, this.#context.log.lastUpTo(message.hintIndex, message.hintTerm));
        break;
      case 'heartbeat-reply':
        this.#heartbeatAnswered(progress, message.round);
        break;
      case 'read':
        this.read({ id: message.id, from: message.from });
        break;
      default:
    }
  }

  #accepted(member: MemberId, progress: Progress, match: LogIndex): void {
    if (match > this.#context.log.last) return;
    const isNews = progress.accepted(match);
    if (progress.mode === 'probe') progress.replicate();
    else if (progress.mode === 'snapshot' && match >= this.#context.log.base) progress.replicate();
    if (isNews) this.advanceCommit();
    this.#wantsReplication = true;
    if (this.#transfer?.to === member) this.#askForElection();
  }

  #refused(progress: Progress, refused: LogIndex, agreed: LogIndex): void {
    const isLate = progress.mode === 'probe' ? progress.next - 1 !== refused : refused <= progress.match;
    if (isLate || progress.mode === 'snapshot') return;
    if (progress.mode === 'replicate') progress.probe(progress.match + 1);
    // It denies what it acknowledged: asked again at once, it would deny it again.
    else if (refused <= progress.match) awaitWord(progress, progress.match + 1);
    else progress.probe(Math.max(progress.match + 1, Math.min(refused, agreed + 1)));
    this.#wantsReplication = true;
  }

  #heartbeatAnswered(progress: Progress, round: number): void {
    progress.round = Math.max(progress.round, Math.min(round, this.#reads.round));
    progress.isWaiting = false;
    this.#answerReads();
    if (progress.match >= this.#context.log.last) return;
    // A lost append shows only when something is sent behind it.
    if (progress.mode === 'replicate') {
      progress.freeFirst();
      progress.toldCommit = -1;
    }
    this.#wantsReplication = true;
  }

  /** Counts who has what. An entry of an earlier term is committed only along with one of this term (§3.6.2). */
  advanceCommit(): void {
    const { id, log, term, commit, raiseCommit } = this.#context;
    const reached = quorumIndex(log.membership.voters, (voter) => (voter === id ? log.durable : (this.#progress.get(voter)?.match ?? 0)));
    if (reached <= commit() || log.termAt(reached) !== term) return;
    raiseCommit(reached);
    this.#wantsReplication = true;
    this.#reads.know(commit());
  }

  read(read: PendingRead): void {
    const commit = this.#knowsCommit ? this.#context.commit() : undefined;
    if (commit !== undefined && this.#holdsLease()) this.#answer(read, commit);
    else this.#reads.ask(read, commit);
  }

  lapse(): void {
    this.#reads.forgetHeard();
  }

  #holdsLease(): boolean {
    const { id, log, options } = this.#context;
    const { voters } = log.membership;
    if (voters.length === 1 && voters[0] === id) return true;
    if (!this.#mayLease) return false;
    const heard = this.#reads.heardTick(log.membership, (voter) => this.#roundOf(voter));
    return heard !== undefined && this.#tick - heard < Math.floor(options.electionTicks * options.leaseFraction);
  }

  #roundOf(voter: MemberId): number {
    return voter === this.#context.id ? this.#reads.round : (this.#progress.get(voter)?.round ?? 0);
  }

  #answerReads(): void {
    for (const read of this.#reads.answered(this.#context.log.membership, (voter) => this.#roundOf(voter))) this.#answer(read, read.index);
  }

  #answer({ id, from }: PendingRead, index: LogIndex): void {
    const { outbox, term } = this.#context;
    if (from === this.#context.id) outbox.answer({ id, index });
    else outbox.send(from, term, { kind: 'read-reply', id, index });
  }

  /** Reads of this member that will not be answered. */
  ownReads(): readonly number[] {
    return this.#reads
      .drain()
      .filter(({ from }) => from === this.#context.id)
      .map(({ id }) => id);
  }

  transfer(to: MemberId): 'under-way' | 'unknown-member' {
    if (!this.#progress.has(to) || !this.#context.log.membership.voters.includes(to)) return 'unknown-member';
    this.#transfer = { to, sinceTick: this.#tick };
    this.#wantsReplication = true;
    this.#askForElection();
    return 'under-way';
  }

  #askForElection(): void {
    const { log, outbox, term } = this.#context;
    const to = this.#transfer?.to;
    if (to === undefined || this.#progress.get(to)?.match !== log.last) return;
    this.#mayLease = false;
    outbox.send(to, term, { kind: 'timeout-now' });
  }
}

/** Nothing is sent before the member is heard again. */
function awaitWord(progress: Progress, next: LogIndex): void {
  progress.probe(next);
  progress.isWaiting = true;
}

export type AppendBody =
  | { readonly kind: 'command'; readonly payload: Uint8Array }
  | { readonly kind: 'membership'; readonly membership: Membership }
  | { readonly kind: 'empty' };
