import { Raft, type RaftOptions } from '../../cluster/raft/raft.ts';
import type { LogIndex, MemberId, Membership, Message } from '../../cluster/raft/types.ts';
import { Agenda } from './agenda.ts';
import { Dice } from './dice.ts';
import { Disk, type SnapshotState } from './disk.ts';
import { History } from './history.ts';
import { Invariants } from './invariants.ts';
import { Member } from './member.ts';
import { Network } from './network.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** Voters at the start; two more members wait to be added. */
  readonly voters: 3 | 5 | 7;
  /** Events while things break. */
  readonly steps: number;
  readonly makeRaft?: (options: RaftOptions) => Raft;
}

export interface SimulationReport {
  readonly steps: number;
  readonly applied: number;
  readonly writes: number;
  readonly reads: number;
  readonly crashes: number;
  readonly membershipChanges: number;
  readonly virtualMs: number;
}

const keys = ['a', 'b', 'c'];
const snapshotTimeoutMs = 200;
const recoveryMs = 20_000;

/** Runs one history. Throws when an invariant breaks, or when the cluster does not come back once the faults stop. */
export function simulate(options: SimulationOptions): SimulationReport {
  return new SimulatedCluster(options).run();
}

class SimulatedCluster {
  readonly #options: SimulationOptions;
  readonly #dice: Dice;
  readonly #agenda = new Agenda();
  readonly #invariants = new Invariants();
  readonly #history = new History();
  readonly #network: Network;
  readonly #members = new Map<MemberId, Member>();
  /** The value of each key after each index, for reads. */
  readonly #ids: readonly MemberId[];
  /** How often clients ask, and things break; each history has a temper of its own. */
  readonly #clientMs: number;
  readonly #faultMs: number;
  #serial = 0;
  #steps = 0;
  #crashes = 0;
  #membershipChanges = 0;
  #isCalm = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#dice = new Dice(options.seed);
    this.#clientMs = this.#dice.pick([2, 8, 30]) ?? 8;
    this.#faultMs = this.#dice.pick([25, 60, 200]) ?? 60;
    this.#network = new Network(this.#agenda, this.#dice, (message, state) => this.#deliver(message, state));
    this.#ids = Array.from({ length: options.voters + 2 }, (_, at) => `m${at + 1}`);
    const voters = this.#ids.slice(0, options.voters);
    for (const [at, id] of this.#ids.entries()) {
      const membership: Membership = at < options.voters ? { voters, learners: [] } : { voters: [], learners: [] };
      this.#addMember(id, membership);
    }
  }

  #addMember(id: MemberId, membership: Membership): void {
    const member = new Member(id, new Disk(id, membership, this.#invariants), {
      agenda: this.#agenda,
      dice: this.#dice,
      invariants: this.#invariants,
      makeRaft: this.#options.makeRaft ?? ((raftOptions) => new Raft(raftOptions)),
      diskOf: (other) => this.#memberOf(other).disk,
      send: (message, state) => this.#send(message, state),
    });
    this.#members.set(id, member);
    member.tickRate = 0.85 + 0.3 * this.#dice.unit();
    member.start();
  }

  #send(message: Message, state: SnapshotState | undefined): void {
    this.#network.send(message, state);
    if (message.kind !== 'snapshot') return;
    this.#agenda.in(snapshotTimeoutMs, () => {
      const sender = this.#members.get(message.from);
      sender?.raft?.snapshotEnded(message.to);
      sender?.turn();
    });
  }

  #deliver(message: Message, state: SnapshotState | undefined): void {
    this.#members.get(message.to)?.deliver(message, state);
  }

  run(): SimulationReport {
    this.#scheduleClients();
    this.#scheduleFaults();
    while (this.#steps < this.#options.steps) this.#step();
    this.#recover();
    return {
      steps: this.#steps,
      applied: this.#invariants.appliedCount,
      writes: this.#history.endedWrites,
      reads: this.#history.endedReads,
      crashes: this.#crashes,
      membershipChanges: this.#membershipChanges,
      virtualMs: Math.round(this.#agenda.nowMs),
    };
  }

  #step(): void {
    this.#steps++;
    this.#agenda.step();
  }

  #pickMember(): Member {
    return this.#memberOf(this.#dice.pick(this.#ids) ?? '');
  }

  #memberOf(id: MemberId): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  #scheduleClients(): void {
    this.#agenda.in(this.#clientMs * 2 * this.#dice.unit(), () => {
      const member = this.#dice.chance(0.8) ? this.#leader() : this.#pickMember();
      if (member !== undefined) {
        if (this.#dice.chance(0.7)) this.#write(member);
        else this.#read(member);
      }
      this.#scheduleClients();
    });
  }

  /** One of those that believe that they lead. */
  #leader(): Member | undefined {
    return this.#dice.pick([...this.#members.values()].filter(({ raft }) => raft?.role === 'leader'));
  }

  #write(member: Member): void {
    const batch = this.#dice.chance(0.2) ? this.#dice.between(2, 8) : 1;
    const words = Array.from({ length: batch }, () => JSON.stringify({ key: this.#dice.pick(keys), value: `${++this.#serial}` }));
    const since = this.#history.begin();
    const first = member.raft?.propose(words.map((each) => Buffer.from(each)));
    if (typeof first !== 'number') return;
    for (const [at, each] of words.entries()) {
      const index = first + at;
      member.proposals.set(index, {
        words: each,
        onApplied: (_value, isMine) => {
          if (isMine) this.#history.wrote(since, index);
        },
      });
    }
    member.turn();
  }

  #read(member: Member): void {
    if (member.raft === undefined || member.reads.size > 20) return;
    const id = ++this.#serial;
    const key = this.#dice.pick(keys) ?? 'a';
    const since = this.#history.begin();
    member.reads.set(id, (values, index) => {
      if (values !== undefined) this.#history.read(since, index, values.get(key), this.#valueAfter(key, index));
    });
    member.read(id);
  }

  /** What the one applied history says. */
  #valueAfter(key: string, index: LogIndex): string | undefined {
    for (let at = index; at > 0; at--) {
      const words = this.#invariants.wordsAt(at);
      if (words?.startsWith(`{"key":"${key}"`)) return (JSON.parse(words) as { readonly value: string }).value;
    }
    return undefined;
  }

  #scheduleFaults(): void {
    this.#agenda.in(this.#faultMs * 2 * this.#dice.unit(), () => {
      if (this.#isCalm) return;
      this.#fault();
      this.#scheduleFaults();
    });
  }

  #fault(): void {
    const faults: readonly (() => void)[] = [
      () => this.#crashOne(),
      () => this.#crashOne(),
      () => this.#crashAll(),
      () => this.#partition(),
      () => this.#partition(),
      () => this.#cutOneWay(),
      () => this.#network.healLinks(),
      () => this.#network.healLinks(),
      () => this.#weather(),
      () => this.#slowDisk(),
      () => this.#changeMembership(),
      () => this.#changeMembership(),
      () => this.#transfer(),
      () => this.#skewClock(),
      () => this.#freezeOne(),
      () => this.#freezeOne(),
    ];
    this.#dice.pick(faults)?.();
  }

  #crashOne(): void {
    const member = this.#dice.chance(0.5) ? (this.#leader() ?? this.#pickMember()) : this.#pickMember();
    this.#crash(member);
  }

  #crash(member: Member): void {
    if (member.raft === undefined) return;
    this.#crashes++;
    member.crash();
    this.#agenda.in(this.#dice.chance(0.5) ? 1 : 500 * this.#dice.unit(), () => {
      if (member.raft === undefined) member.start();
    });
  }

  #crashAll(): void {
    if (!this.#dice.chance(0.3)) return;
    for (const member of this.#members.values()) this.#crash(member);
  }

  #partition(): void {
    const side = new Set(this.#ids.filter(() => this.#dice.chance(0.5)));
    for (const from of this.#ids) for (const to of this.#ids) if (side.has(from) !== side.has(to)) this.#network.cut(from, to);
    if (this.#dice.chance(0.5)) this.#agenda.in(300 * this.#dice.unit(), () => this.#network.healLinks());
  }

  #cutOneWay(): void {
    const to = this.#pickMember().id;
    for (const from of this.#ids) if (this.#dice.chance(0.6)) this.#network.cut(from, to);
  }

  #weather(): void {
    this.#network.lossRate = this.#dice.pick([0, 0, 0.02, 0.1, 0.5]) ?? 0;
    this.#network.doubleRate = this.#dice.pick([0, 0.05, 0.3]) ?? 0;
    this.#network.delayMs = this.#dice.pick([1, 3, 3, 10, 40]) ?? 3;
    this.#network.strayRate = this.#dice.pick([0, 0.02, 0.2]) ?? 0;
  }

  #slowDisk(): void {
    this.#pickMember().diskMs = this.#dice.pick([0.2, 1, 1, 5, 60]) ?? 1;
  }

  #freezeOne(): void {
    const member = this.#dice.chance(0.7) ? (this.#leader() ?? this.#pickMember()) : this.#pickMember();
    member.freeze(this.#dice.pick([20, 150, 600]) ?? 150);
  }

  #skewClock(): void {
    this.#pickMember().tickRate = 0.75 + 0.5 * this.#dice.unit();
  }

  #changeMembership(): void {
    const leader = this.#leader();
    if (leader?.raft === undefined) return;
    // The next one may be wanted before this one is committed.
    for (let wanted = this.#dice.between(1, 3); wanted > 0; wanted--) this.#change(leader.raft);
    leader.turn();
  }

  #change(raft: Raft): void {
    const member = this.#dice.pick(this.#ids) ?? '';
    const { voters, learners } = raft.membership;
    const kind = learners.includes(member) ? 'promote' : voters.includes(member) ? 'remove' : 'add-learner';
    if (kind === 'remove' && voters.length <= 2) return;
    if (typeof raft.change({ kind, member }) === 'number') this.#membershipChanges++;
  }

  #transfer(): void {
    const leader = this.#leader();
    leader?.raft?.transfer(this.#pickMember().id);
    leader?.turn();
  }

  /** Once nothing breaks any more: a leader, a write that is acknowledged, and every member of the cluster with the same state. */
  #recover(): void {
    this.#isCalm = true;
    this.#network.heal();
    for (const member of this.#members.values()) {
      member.diskMs = 1;
      member.tickRate = 1;
      if (member.raft === undefined) member.start();
    }
    const untilMs = this.#agenda.nowMs + recoveryMs;
    const writesBefore = this.#history.endedWrites;
    while (!this.#isWhole(writesBefore)) {
      if (this.#agenda.nowMs > untilMs) throw new Error(`not whole again within ${recoveryMs} ms: ${this.#picture()}`);
      this.#step();
    }
  }

  #isWhole(writesBefore: number): boolean {
    const leader = this.#leader();
    if (leader?.raft === undefined || this.#history.endedWrites <= writesBefore) return false;
    const { voters, learners } = leader.raft.membership;
    const least = Math.min(...[...voters, ...learners].map((id) => this.#members.get(id)?.applied ?? 0));
    return least >= leader.applied && leader.applied === this.#invariants.appliedCount;
  }

  #picture(): string {
    return [...this.#members.values()]
      .map(({ id, raft, applied }) => `${id} ${raft?.role} term ${raft?.term} commit ${raft?.commit} last ${raft?.last} applied ${applied}`)
      .join('; ');
  }
}
