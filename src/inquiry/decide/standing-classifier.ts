import { isDeepStrictEqual } from 'node:util';
import { Classifier, Resolver } from '../../../policies/classifier/index.ts';
import type { Reader } from '../../../policies/classifier/index.ts';
import type { Change } from '../../../policies/index.ts';
import { Standstill } from '../../admission/index.ts';
import type { Committed, Snapshot, Stored } from '../../admission/index.ts';
import type { Revision } from '../../../cluster/index.ts';
import type { Clock } from '../../base/clock.ts';
import { furtherSlices, oneSlice } from '../../base/slices.ts';
import { reasonOf } from '../../base/errors.ts';

export interface StandingOptions {
  readonly snapshot: () => Snapshot;
  readonly clock: Clock;
  /** The classifier is lost, and compiled anew when it is next asked. */
  readonly onProblem: (reason: string) => void;
  /** Of memory. */
  readonly limits?: ConstructorParameters<typeof Classifier>[2];
}

/** Another object after each update; it answers until there is the next one. */
export interface Compiled {
  readonly classifier: Classifier;
  readonly reader: Reader;
  readonly resolver: Resolver;
  readonly revision: Revision;
}

/** What could not be compiled is tried again so much later: each attempt costs as much as the documents are many. */
const compileAgainMs = 30_000;

/** Where a VM runs, and whether, decides nothing. */
function isAlike(before: Stored | undefined, after: Stored | undefined): boolean {
  if (before?.document.kind !== 'Vm' || after?.document.kind !== 'Vm') return false;
  const [old, now] = [before.document, after.document];
  return isDeepStrictEqual(old.metadata.labels, now.metadata.labels) && isDeepStrictEqual(old.spec.interfaces, now.spec.interfaces);
}

/**
 * The classifier of what is stored: absent → compiling → standing ⇄ updating, and absent when it was lost. Compiling and updating are done in slices, over
 * documents that stand still for it, and nobody is answered meanwhile. What is committed is the next update, together with what follows it at once: that begins in
 * a turn to come, behind the answers to who wrote and to who waited, or when somebody asks for what it has.
 */
export class StandingClassifier {
  readonly #options: StandingOptions;
  readonly #onStanding: () => void;
  readonly #listeners = new Set<(commit: Committed) => void>();
  #compiled: Compiled | undefined;
  /** Never rejects. */
  #underway: Promise<void> | undefined;
  #missed: Change['documents'][number][] = [];
  #isDue = false;
  #failed: { readonly reason: unknown; readonly againMs: number } | undefined;

  /** `onStanding`: it was compiled or updated. */
  constructor(options: StandingOptions, onStanding: () => void) {
    this.#options = options;
    this.#onStanding = onStanding;
    this.#begin();
  }

  /** Undefined while it is compiled or updated, and when it is lost. */
  get standing(): Compiled | undefined {
    return this.#underway === undefined ? this.#compiled : undefined;
  }

  /** The same, when it has everything up to `since`. */
  at(since: Revision): Compiled | undefined {
    const { standing } = this;
    return standing && standing.revision >= since ? standing : undefined;
  }

  /** Settles when it may stand. Rejects with why it cannot be compiled. */
  async moved(): Promise<void> {
    const { clock } = this.#options;
    if (this.#underway === undefined) {
      if (this.#failed && clock.nowMs() < this.#failed.againMs) throw this.#failed.reason;
      this.#begin();
    }
    await this.#underway;
    if (this.#compiled === undefined && this.#failed) throw this.#failed.reason;
  }

  /** One commit, which the snapshot has already. */
  committed(commit: Committed): void {
    for (const listener of this.#listeners) listener(commit);
    if (this.#compiled === undefined && this.#underway === undefined) return;
    for (const { id, before, after } of commit.documents) if (!isAlike(before, after)) this.#missed.push({ id });
    this.#beginSoon();
  }

  #beginSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      const isBehind = this.#compiled !== undefined && this.#compiled.revision < this.#options.snapshot().revision;
      if (isBehind && this.#underway === undefined) this.#begin();
    });
  }

  #begin(): void {
    const documents = this.#missed;
    this.#missed = [];
    const { snapshot, clock, limits } = this.#options;
    const { revision } = snapshot();
    const standstill = new Standstill({
      snapshot,
      onCommitted: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    });
    const before = this.#compiled;
    const work = before
      ? before.classifier.updating({ documents }, standstill.snapshot, revision)
      : Classifier.compiling(standstill.snapshot, revision, limits);
    const done = (classifier: Classifier): void => {
      standstill.release();
      this.#underway = undefined;
      this.#failed = undefined;
      const tools = before ?? { classifier, reader: classifier.reader(), resolver: new Resolver(classifier.interfaces) };
      this.#compiled = { ...tools, revision };
      this.#onStanding();
    };
    const lost = (reason: unknown): void => {
      standstill.release();
      this.#underway = undefined;
      this.#compiled = undefined;
      this.#missed = [];
      if (before === undefined) this.#failed = { reason, againMs: clock.nowMs() + compileAgainMs };
      this.#options.onProblem(reasonOf(reason));
    };
    const further = async (): Promise<void> => {
      try {
        done(await furtherSlices(work, clock));
      } catch (reason) {
        lost(reason);
      }
      this.#beginSoon();
    };
    try {
      const end = oneSlice(work, clock);
      if (end) done(end.value);
      else this.#underway = further();
    } catch (reason) {
      lost(reason);
    }
  }
}
