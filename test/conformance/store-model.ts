import type { Change, Commit, Entry, Outcome, RangeRequest, RangeResult, Revision, Transaction } from '../../cluster/index.ts';

type State = ReadonlyMap<string, Entry>;

/** What a store means, in the plainest way: every state is kept. The oracle of the property tests. */
export class StoreModel {
  readonly #states: State[] = [new Map()];
  readonly #commits: Omit<Commit, 'wallMs'>[] = [];

  get revision(): Revision {
    return this.#states.length - 1;
  }

  transact({ compares, operations }: Transaction): Outcome {
    const state = this.#state(this.revision);
    for (const compare of compares) {
      if ((state.get(compare.key)?.modRevision ?? 0) !== compare.modRevision) {
        return { committed: false, revision: this.revision, conflict: compare };
      }
    }
    const next = new Map(state);
    const changes: Change[] = [];
    const revision = this.revision + 1;
    for (const operation of operations) {
      const before = state.get(operation.key);
      const { key } = operation;
      if (operation.kind === 'put') {
        const after = { key, value: operation.value, createRevision: before?.createRevision ?? revision, modRevision: revision };
        next.set(key, after);
        changes.push(before === undefined ? { key, after } : { key, after, before });
      } else if (before !== undefined) {
        next.delete(key);
        changes.push({ key, before });
      }
    }
    if (changes.length === 0) return { committed: true, revision: this.revision };
    this.#states.push(next);
    this.#commits.push({ revision, changes: changes.toSorted((left, right) => byBytes(left.key, right.key)) });
    return { committed: true, revision };
  }

  get(key: string, at: Revision): Entry | undefined {
    return this.#state(at).get(key);
  }

  range({ start, end, limit = Infinity, at = this.revision }: RangeRequest): RangeResult {
    const inside = [...this.#state(at).values()]
      .filter(({ key }) => byBytes(key, start) >= 0 && byBytes(key, end) < 0)
      .toSorted((left, right) => byBytes(left.key, right.key));
    return { entries: inside.slice(0, limit), more: inside.length > limit, revision: at };
  }

  commitsAfter(since: Revision): readonly Omit<Commit, 'wallMs'>[] {
    return this.#commits.slice(since);
  }

  #state(at: Revision): State {
    const state = this.#states[at];
    if (state === undefined) throw new Error(`the model has no revision ${at}`);
    return state;
  }
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
