import type { Snapshot } from '../../admission/index.ts';
import { WeirError } from '../../base/errors.ts';
import type { ExplainQuestion } from '../ports.ts';

/** The past, as admission and the store keep it. */
export interface History {
  /** Rejects with `compacted`. */
  at(revision: number): Promise<Snapshot>;
  /** The last revision at that time. Rejects with `compacted`. */
  revisionAt(wallMs: number): Promise<number>;
}

const keptMax = 2;
const waitingMax = 8;

/** Snapshots of the past that were asked for lately. Each is a whole state in memory: they are read one at a time. */
export class Snapshots {
  readonly #history: History;
  readonly #kept = new Map<number, Snapshot>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(history: History) {
    this.#history = history;
  }

  async at(wanted: NonNullable<ExplainQuestion['at']>, now: Snapshot): Promise<Snapshot> {
    const revision = wanted.kind === 'revision' ? wanted.revision : await this.#history.revisionAt(wanted.wallMs);
    if (revision > now.revision) throw new WeirError('malformed', `revision ${revision} is still to come: the last one is ${now.revision}`);
    if (this.#waiting >= waitingMax) throw new WeirError('rate-limited', 'too many questions about the past wait already');
    this.#waiting++;
    const answer = this.#turn.then(() => this.#read(revision));
    this.#turn = answer.catch(() => undefined);
    try {
      return await answer;
    } finally {
      this.#waiting--;
    }
  }

  async #read(revision: number): Promise<Snapshot> {
    const snapshot = this.#kept.get(revision) ?? (await this.#history.at(revision));
    this.#kept.delete(revision);
    this.#kept.set(revision, snapshot);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptMax && oldest !== undefined) this.#kept.delete(oldest);
    return snapshot;
  }
}
