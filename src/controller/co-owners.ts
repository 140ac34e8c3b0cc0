import type { Ownership, Revision } from '../../cluster/index.ts';

/** Of one member. A commit is between its stages for half a second at most. */
const saidMax = 1_024;

/**
 * Other members that own switches, and what they have said of changes that go in two stages: that theirs have lost what the commit of a
 * revision takes away. It may be heard before this member has the commit.
 */
export class CoOwners {
  readonly #ownership: Pick<Ownership, 'id' | 'ownerOf'>;
  readonly #tell: (revision: Revision) => void;
  readonly #said = new Map<string, Set<Revision>>();
  /** Members that were waited for in vain, and for what: not again before they have said that, or something later. */
  readonly #late = new Map<string, Revision>();

  /** `tell`: to all other members. */
  constructor(ownership: Pick<Ownership, 'id' | 'ownerOf'>, tell: (revision: Revision) => void) {
    this.#ownership = ownership;
    this.#tell = tell;
  }

  /** Those that own any of the hosts. */
  of(hosts: Iterable<string>): ReadonlySet<string> {
    const found = new Set<string>();
    for (const host of hosts) {
      const owner = this.#ownership.ownerOf(host);
      if (owner !== undefined && owner !== this.#ownership.id) found.add(owner);
    }
    return found;
  }

  /** The switches of this member have lost what the commit takes away. */
  restricted(revision: Revision): void {
    this.#tell(revision);
  }

  heard(member: string, revisions: readonly Revision[]): void {
    const said = this.#said.get(member) ?? new Set();
    this.#said.set(member, said);
    for (const revision of revisions) said.add(revision);
    for (const oldest of said) {
      if (said.size <= saidMax) break;
      said.delete(oldest);
    }
    const late = this.#late.get(member);
    if (late !== undefined && revisions.some((revision) => revision >= late)) this.#late.delete(member);
  }

  isAwaited(member: string, revision: Revision): boolean {
    return !this.#late.has(member) && this.#said.get(member)?.has(revision) !== true;
  }

  missed(member: string, revision: Revision): void {
    this.#late.set(member, revision);
  }
}
