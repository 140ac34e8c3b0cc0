import { Raft } from '../../../cluster/raft/raft.ts';
import type { TermRun } from '../../../cluster/raft/term-runs.ts';
import type { Entry, Membership, Message, Ready, Term } from '../../../cluster/raft/types.ts';

const heartbeatTicks = 1;
export const electionTicks = 10;

/** A member that has not heard a leader for an election timeout. Its log is given by the terms of its entries, as the figures of the Raft paper draw it. */
export function raftOf(id: string, membership: Membership, terms: readonly Term[] = [], term: Term = terms.at(-1) ?? 0): Raft {
  const runs: TermRun[] = [{ from: 0, term: 0 }];
  for (const [at, each] of terms.entries()) if (each !== terms[at - 1]) runs.push({ from: at + 1, term: each });
  const raft = new Raft({
    id,
    hardState: { term, votedFor: undefined },
    log: { terms: runs, memberships: [{ index: 0, membership }], last: terms.length },
    applied: 0,
    random: () => 0.95,
    heartbeatTicks,
    electionTicks,
    appendBytesMax: 100,
    flightsMax: 4,
    flightBytesMax: 10_000,
    promotionLagMax: 1,
    leaseFraction: 0.5,
  });
  for (let at = 0; at < electionTicks; at++) raft.tick();
  return raft;
}

/** Members around one table: what they say arrives at once and in order, their writes are durable at once, unless a way is cut. */
export class Table {
  readonly members = new Map<string, Raft>();
  readonly reads = new Map<number, 'lost' | number>();
  /** `from>to`. */
  readonly cut = new Set<string>();
  /** All entries that anybody was sent or wrote, by index and term: what a fetch is answered from. */
  readonly #entries = new Map<string, Entry>();

  #lost: ReadonlySet<Message['kind']> = new Set();

  constructor(members: Readonly<Record<string, Raft>>) {
    for (const [id, raft] of Object.entries(members)) this.members.set(id, raft);
  }

  raft(id: string): Raft {
    const raft = this.members.get(id);
    if (!raft) throw new Error(`nobody at the table is called ${id}`);
    return raft;
  }

  get leaders(): readonly string[] {
    return [...this.members].filter(([, { role }]) => role === 'leader').map(([id]) => id);
  }

  /** Nothing comes in there, or goes out. */
  isolate(id: string): void {
    for (const other of this.members.keys()) this.cut.add(`${id}>${other}`).add(`${other}>${id}`);
  }

  /** Messages of these kinds are lost from now on. */
  without(kinds: readonly Message['kind'][]): void {
    this.#lost = new Set(kinds);
  }

  elect(id: string): void {
    this.raft(id).campaign();
    this.settle();
  }

  tick(id: string, times = 1): void {
    for (let at = 0; at < times; at++) {
      this.raft(id).tick();
      this.settle();
    }
  }

  tickAll(times = 1): void {
    for (let at = 0; at < times; at++) for (const id of this.members.keys()) this.tick(id);
  }

  propose(id: string): void {
    this.raft(id).propose([new Uint8Array([1])]);
    this.settle();
  }

  deliver(message: Message): void {
    this.members.get(message.to)?.step(message);
    this.settle();
  }

  /** Everything that anybody has to say or to write, until nobody has. */
  settle(): void {
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const [id, raft] of this.members) {
        const ready = raft.ready();
        if (!ready) continue;
        isBusy = true;
        this.#carryOut(id, raft, ready);
      }
    }
  }

  #carryOut(id: string, raft: Raft, { messages, write, reads, lostReads, fetches }: Ready): void {
    this.#send(messages);
    for (const entry of write?.entries ?? []) this.#entries.set(`${entry.index}/${entry.term}`, entry);
    if (write) {
      raft.persisted();
      this.#send(write.replies);
    }
    for (const { id: read, index } of reads) this.reads.set(read, index);
    for (const read of lostReads) this.reads.set(read, 'lost');
    for (const { to, from, upTo } of fetches) raft.fetched(to, this.#entriesOf(id, from, upTo));
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (this.cut.has(`${message.from}>${message.to}`) || this.#lost.has(message.kind)) continue;
      this.members.get(message.to)?.step(message);
    }
  }

  #entriesOf(id: string, from: number, upTo: number): Entry[] {
    const raft = this.raft(id);
    return Array.from({ length: upTo - from + 1 }, (_, at) => {
      const [index, term] = [from + at, raft.termAt(from + at) ?? 0];
      return this.#entries.get(`${index}/${term}`) ?? { kind: 'empty', index, term };
    });
  }
}

export const termsOf = (raft: Raft): Term[] => Array.from({ length: raft.last }, (_, at) => raft.termAt(at + 1) ?? 0);

export const votersOf = (...voters: readonly string[]): Membership => ({ voters, learners: [] });
