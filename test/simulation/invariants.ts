import type { Entry, LogIndex, MemberId, Term } from '../../cluster/raft/types.ts';

/** What may never happen, whatever breaks (Raft, figure 3), looked at from above with everything that any member ever had. */
export class Invariants {
  readonly #leaders = new Map<Term, MemberId>();
  /** Digest of the log up to an entry, by its index and term. */
  readonly #prefixes = new Map<string, number>();
  /** By index: what some member applied, the first of them while it was in the term `known`. */
  readonly #applied: { readonly term: Term; readonly known: Term; readonly words: string }[] = [];

  /** How many entries were applied anywhere. */
  get appliedCount(): number {
    return this.#applied.length;
  }

  /** Election safety, and leader completeness: whoever leads has everything that was committed in earlier terms. One that stood still may win late. */
  leads(member: MemberId, term: Term, termAt: (index: LogIndex) => Term | undefined, base: LogIndex): void {
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== member) throw new Error(`${member} and ${other} both lead in term ${term}`);
    if (other === member) return;
    this.#leaders.set(term, member);
    for (const [at, { term: appliedTerm, known }] of this.#applied.entries()) {
      const index = at + 1;
      if (known < term && index > base && termAt(index) !== appliedTerm)
        throw new Error(`${member} leads in term ${term} without the applied entry ${index}`);
    }
  }

  /** What counts is durable on a majority: votes for whoever leads, and what it commits. */
  onMajority(what: string, voters: readonly MemberId[], isDurable: (voter: MemberId) => boolean): void {
    const count = voters.filter(isDurable).length;
    if (count * 2 <= voters.length) throw new Error(`${what} is durable on ${count} of ${voters.length} voters`);
  }

  /** Log matching: an entry's index and term name the whole log before it. Returns the digest up to `entry`. */
  kept(member: MemberId, entry: Entry, digestBefore: number): number {
    const digest = digestOf(wordsOf(entry), digestBefore);
    const key = `${entry.index} ${entry.term}`;
    const other = this.#prefixes.get(key);
    if (other !== undefined && other !== digest) {
      throw new Error(`the log of ${member} up to entry ${entry.index} of term ${entry.term} is not what it is elsewhere`);
    }
    this.#prefixes.set(key, digest);
    return digest;
  }

  /** State machine safety: one applied history. */
  applies(member: MemberId, entry: Entry, known: Term): void {
    const words = wordsOf(entry);
    const other = this.#applied[entry.index - 1];
    if (other === undefined) {
      if (entry.index !== this.#applied.length + 1)
        throw new Error(`${member} applies ${entry.index}, and nobody applied ${this.#applied.length + 1}`);
      this.#applied.push({ term: entry.term, known, words });
    } else if (other.term !== entry.term || other.words !== words) {
      throw new Error(
        `${member} applies at ${entry.index} ${words} of term ${entry.term}, where ${other.words} of term ${other.term} was applied`,
      );
    }
  }

  wordsAt(index: LogIndex): string | undefined {
    return this.#applied[index - 1]?.words;
  }
}

/** The content of an entry, its place aside. */
export function wordsOf(entry: Entry): string {
  switch (entry.kind) {
    case 'command':
      return Buffer.from(entry.payload).toString();
    case 'membership':
      return JSON.stringify(entry.membership);
    case 'empty':
      return 'empty';
  }
}

/** FNV-1a, carried on. */
function digestOf(words: string, start: number): number {
  let digest = start ^ 0x811c9dc5;
  for (let at = 0; at < words.length; at++) digest = Math.imul(digest ^ words.charCodeAt(at), 0x01000193);
  return digest >>> 0;
}
