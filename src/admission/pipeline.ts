import type { Commit, Revision, Store } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';
import { furtherSlices, oneSlice } from '../base/slices.ts';
import type { Random } from '../base/random.ts';
import { randomUuid } from '../base/random.ts';
import type { WeirError } from '../base/errors.ts';
import type { CommittedState } from './committed.ts';
import { Draft } from './draft.ts';
import { AdmissionError } from './error.ts';
import { execute } from './execute.ts';
import { foreseenOf } from './foreseen.ts';
import { cargoOf } from './flight.ts';
import type { Answer, Cargo, Flight, Job, Landing } from './flight.ts';
import { decidedBefore, keepAnswer } from './idempotency.ts';
import type { Tallies } from './indexes/tallies.ts';
import type { Key } from './keys.ts';
import type { Cell } from './records.ts';
import type { Foreseen, Submission, Submitted, WriteResult } from './request.ts';
import { Slots } from './slots.ts';
import { Working } from './working.ts';

export interface PipelinePorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Settles once the snapshot has everything that was committed before the call. */
  readonly current: () => Promise<void>;
}

/** Validated and not yet durable. More wait unvalidated: their validation might be void. */
const flightsMax = 4096;
/** Keys of others' commits that go over into the working state in one go. */
const followedMax = 32;
/** Another proposer can come between again and again. Who never lands is told. */
const attemptsMax = 64;
/** Refusals for which what is stored does not matter. */
const timeless: ReadonlySet<string> = new Set(['malformed', 'unknown-field']);

/**
 * Submissions are validated one after the other against the working state and go to the store without waiting for each
 * other. Life of a submission: queued; validated and in flight (its effects are in the working state); landed (its
 * effects are in the snapshot); answered, always in the order of validation. When a transaction does not hold because
 * another proposer came between, everything in flight is awaited, the working state is put back to what is committed,
 * and what did not land is validated again, in its order.
 *
 * A large submission is validated in slices, and what others commit in one goes over into the working state in slices too. What is committed meanwhile is in
 * the snapshot at once and in the working state afterwards.
 *
 * What a transaction rests on is proved by its compares. An answer without a transaction has nothing to prove it: before it is told, the
 * snapshot has everything that was committed when the submission came, and where others had written it is validated again.
 */
export class Pipeline {
  readonly #ports: PipelinePorts;
  readonly #committed: CommittedState;
  readonly #working = new Working();
  /** Tells this proposer's guards from all others'. */
  readonly #proposer: string;
  readonly #slots: Slots;
  #queue: Job[] = [];
  #flights: Flight[] = [];
  readonly #byMarker = new Map<string, Flight>();
  /** How many flights, not yet seen committed, write a key. */
  readonly #pending = new Map<Key, number>();
  /** Where the working state may differ from what is committed once nothing is in flight. */
  readonly #dirty = new Set<Key>();
  #launched = 0;
  #nextRevision: Revision = 1;
  /** Of the last flight that was answered. */
  #landedRevision: Revision = 0;
  /** Of the last commit that was not ours. */
  #foreignRevision: Revision = 0;
  #isRebasing = false;
  /** What is validated slice by slice. */
  #validating: Job | undefined;
  /** A draft, or a commit, has the working state for itself until it is done, slice by slice: nothing else is validated. */
  #isSlicing = false;
  /** What commits that came meanwhile do to the working state. */
  #deferred: (() => void)[] = [];
  #ended: WeirError | undefined;

  constructor(ports: PipelinePorts, committed: CommittedState) {
    this.#ports = ports;
    this.#committed = committed;
    this.#proposer = randomUuid(ports.random);
    this.#slots = new Slots(this.#proposer);
  }

  /** What the store held when it was loaded. To be run to its end. */
  *begin(cells: Iterable<readonly [Key, Cell]>): Generator<undefined, void> {
    for (const [key, cell] of cells) {
      this.#working.write(key, cell);
      yield;
    }
    this.#slots.found(cells, this.#ports.clock.wallMs());
    this.#nextRevision = this.#committed.records.revision + 1;
  }

  submit(submission: Submission): Promise<Submitted> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#queue.push({ submission, attempts: 0, isCurrent: false, resolve, reject });
      this.#pump();
    });
  }

  /** What is there and what is on its way, counted. */
  get tallies(): Tallies {
    return this.#working.tallies;
  }

  /** In revision order. */
  onCommit(commit: Commit): void {
    const flight = this.#flightOf(commit);
    const cells = this.#committed.cellsOf(commit, flight?.cargo?.cells);
    if (flight?.cargo === undefined) this.#foreignRevision = commit.revision;
    this.#whenIdle(() => {
      if (flight?.cargo !== undefined) this.#ownCommitted(flight, cells);
      else this.#foreignCommitted(commit.revision, cells);
    });
    this.#committed.apply(commit, cells);
  }

  /** A whole state in the place of commits that nobody told of. What is in flight is validated again upon it, unless it landed. */
  replaced(revision: Revision, state: Iterable<readonly [Key, Cell]>, wallMs: number): void {
    const cells = this.#committed.difference(state);
    this.#foreignRevision = revision;
    this.#whenIdle(() => {
      for (const key of this.#pending.keys()) this.#dirty.add(key);
      this.#foreignCommitted(revision, cells);
    });
    this.#committed.apply({ revision, wallMs }, cells);
    this.#isRebasing = true;
    this.settle();
  }

  /** After the commits of a group. */
  settle(): void {
    while (!this.#isRebasing) {
      const flight = this.#flights[0];
      if (flight === undefined) break;
      const { landing } = flight;
      if (flight.cargo !== undefined) {
        if (landing === undefined) break;
        if (landing.committed !== true) this.#isRebasing = true;
        if (landing.committed !== true || landing.revision > this.#committed.records.revision) break;
      }
      this.#flights.shift();
      this.#deliver(flight);
    }
    if (this.#isRebasing && !this.#isSlicing) this.#rebase();
    this.#pump();
  }

  #whenIdle(work: () => void): void {
    if (this.#isSlicing) this.#deferred.push(work);
    else work();
  }

  #sliced(): void {
    this.#isSlicing = false;
    while (!this.#isSlicing && this.#deferred.length > 0) this.#deferred.shift()?.();
    if (!this.#isSlicing) this.settle();
  }

  /** Nothing is answered any more but with this reason. */
  end(reason: WeirError): void {
    this.#ended = reason;
    const jobs = [...this.#flights.map((flight) => flight.job), ...(this.#validating ? [this.#validating] : []), ...this.#queue];
    this.#flights = [];
    this.#queue = [];
    for (const job of jobs) job.reject(reason);
  }

  #pump(): void {
    while (!this.#isRebasing && !this.#isSlicing && this.#flights.length < flightsMax) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      job.attempts++;
      const draft = new Draft(this.#working, this.#nextRevision, this.#ports.clock.wallMs(), this.#ports.random);
      const work = this.#validate(job, draft);
      const end = oneSlice(work, this.#ports.clock);
      if (end) this.#launch(end.value);
      else void this.#goOn(job, draft, work);
    }
  }

  async #goOn(job: Job, draft: Draft, work: Generator<undefined, Flight>): Promise<void> {
    this.#validating = job;
    this.#isSlicing = true;
    const flight = await furtherSlices(work, this.#ports.clock);
    this.#validating = undefined;
    if (this.#ended !== undefined) return;
    if (this.#isRebasing) {
      // It rests on what did not land.
      draft.rollback();
      if (flight.cargo !== undefined) this.#slots.give(flight.cargo.label.slot);
      this.#queue.unshift(job);
    } else {
      this.#launch(flight);
    }
    this.#sliced();
  }

  #launch(flight: Flight): void {
    if (flight.cargo === undefined && this.#flights.length === 0) {
      this.#deliver(flight);
      return;
    }
    this.#flights.push(flight);
    if (flight.cargo === undefined) return;
    this.#nextRevision++;
    this.#byMarker.set(flight.cargo.label.marker, flight);
    for (const key of flight.cargo.cells.keys()) this.#pending.set(key, (this.#pending.get(key) ?? 0) + 1);
    const landed = (landing: Landing): void => {
      flight.landing = landing;
      this.settle();
    };
    this.#ports.store.transact(flight.cargo.transaction).then(landed, (reason: unknown) => landed({ committed: 'failed', reason }));
  }

  *#validate(job: Job, draft: Draft): Generator<undefined, Flight> {
    const { clock } = this.#ports;
    const startedMs = clock.nowMs();
    const { submission } = job;
    const foundation = this.#committed.records.revision;
    try {
      const decided = decidedBefore(draft, submission, this.#ports.store, this.#committed.records);
      if (decided !== undefined) return { job, cargo: undefined, decision: decided, landing: undefined, foundation };
      const results = yield* execute(draft, submission);
      const foreseen = submission.dryRun === true ? foreseenOf(draft) : undefined;
      if (submission.dryRun === true) draft.rollback();
      else keepAnswer(draft, submission, results);
      return {
        job,
        cargo: this.#load(draft),
        decision: { kind: 'answer', answer: answerOf(results, draft.revision, foreseen) },
        landing: undefined,
        foundation,
      };
    } catch (reason) {
      draft.rollback();
      return { job, cargo: undefined, decision: { kind: 'refusal', reason }, landing: undefined, foundation };
    } finally {
      submission.timings?.add('policyCheck', clock.nowMs() - startedMs);
    }
  }

  #load(draft: Draft): Cargo | undefined {
    const slot = this.#slots.take();
    const launched = ++this.#launched;
    const label = { marker: `${this.#proposer}/${launched}`, slot, launched };
    const cargo = cargoOf(
      draft,
      label,
      (marker) => this.#byMarker.get(marker)?.cargo?.label,
      () => this.#slots.abandoned(),
    );
    if (cargo === undefined) this.#slots.give(slot);
    return cargo;
  }

  #deliver(flight: Flight): void {
    const { cargo, landing, foundation } = flight;
    if (cargo !== undefined) this.#slots.give(cargo.label.slot);
    if (landing?.committed === true) this.#landedRevision = landing.revision;
    const revision = Math.max(foundation, this.#landedRevision);
    if (cargo === undefined && !isFinal(flight)) void this.#confirm(flight, revision);
    else tell(flight, revision);
  }

  async #confirm(flight: Flight, revision: Revision): Promise<void> {
    const { job, foundation } = flight;
    try {
      await this.#ports.current();
    } catch (reason) {
      job.reject(reason);
      return;
    }
    if (this.#foreignRevision <= foundation) {
      tell(flight, revision);
    } else if (this.#ended !== undefined) {
      job.reject(this.#ended);
    } else {
      job.isCurrent = true;
      this.#queue.push(job);
      this.#pump();
    }
  }

  #flightOf(commit: Commit): Flight | undefined {
    for (const { key, after } of commit.changes) {
      if (!key.startsWith('guard/') || after === undefined) continue;
      return this.#byMarker.get(JSON.parse(after.value) as string);
    }
    return undefined;
  }

  #ownCommitted(flight: Flight, cells: ReadonlyMap<Key, Cell | undefined>): void {
    if (flight.cargo !== undefined) this.#byMarker.delete(flight.cargo.label.marker);
    for (const [key, cell] of cells) {
      const left = (this.#pending.get(key) ?? 1) - 1;
      if (left === 0) this.#pending.delete(key);
      else this.#pending.set(key, left);
      // Another proposer's commits can have made the revision another than was foreseen.
      const foreseen = flight.cargo?.cells.get(key);
      if (cell !== foreseen && this.#working.cell(key) === foreseen) this.#working.write(key, cell);
    }
  }

  /** What is in flight on the same keys cannot hold any more: the working state waits for the rebase there. */
  #foreignCommitted(revision: Revision, cells: ReadonlyMap<Key, Cell | undefined>): void {
    const work = this.#follow(revision, cells);
    if (oneSlice(work, this.#ports.clock)) return;
    this.#isSlicing = true;
    void furtherSlices(work, this.#ports.clock).then(() => this.#sliced());
  }

  *#follow(revision: Revision, cells: ReadonlyMap<Key, Cell | undefined>): Generator<undefined, void> {
    for (const [key, cell] of cells) {
      if (this.#pending.has(key)) this.#dirty.add(key);
      else this.#working.write(key, cell);
      if (cells.size > followedMax) yield;
    }
    this.#nextRevision = revision + 1 + this.#byMarker.size;
  }

  /** Once every transaction in flight has landed and the snapshot contains what they met. */
  #rebase(): void {
    for (const { cargo, landing } of this.#flights) {
      if (cargo === undefined) continue;
      if (landing === undefined) return;
      if (landing.committed !== 'failed' && landing.revision > this.#committed.records.revision) return;
    }
    const flights = this.#flights;
    this.#flights = [];
    const again: Job[] = [];
    for (const flight of flights) {
      if (flight.cargo === undefined ? again.length === 0 && !this.#hasDirt() : flight.landing?.committed === true) this.#deliver(flight);
      else this.#takeBack(flight, again);
    }
    for (const key of this.#dirty) this.#working.write(key, this.#committed.records.cell(key));
    this.#dirty.clear();
    this.#pending.clear();
    this.#byMarker.clear();
    this.#nextRevision = this.#committed.records.revision + 1;
    this.#queue.unshift(...again);
    this.#isRebasing = false;
  }

  #hasDirt(): boolean {
    return this.#dirty.size > 0;
  }

  #takeBack({ job, cargo, landing }: Flight, again: Job[]): void {
    // Of a failed one it may be unknown whether it is still to come: its slot is not used again.
    if (cargo !== undefined && landing?.committed !== 'failed') this.#slots.give(cargo.label.slot);
    for (const key of cargo?.cells.keys() ?? []) this.#dirty.add(key);
    if (landing?.committed === 'failed') job.reject(landing.reason);
    else if (job.attempts >= attemptsMax)
      job.reject(new AdmissionError('conflict', `others changed the same things ${attemptsMax} times while this was on its way`));
    else again.push(job);
  }
}

/** Nothing that others may have written meanwhile makes it another answer. */
function isFinal({ job, decision }: Flight): boolean {
  if (job.isCurrent || decision.kind === 'replay') return true;
  return decision.kind === 'refusal' && !(decision.reason instanceof AdmissionError && !timeless.has(decision.reason.code));
}

/** `revision`: of its own transaction, or of what it rests on. */
function tell({ job, decision, landing }: Flight, revision: Revision): void {
  if (decision.kind === 'refusal') {
    job.reject(decision.reason);
    return;
  }
  const answer = decision.answer(revision, landing?.committed === true);
  if (answer instanceof Promise) answer.then(job.resolve, job.reject);
  else job.resolve(answer);
}

function answerOf(results: readonly WriteResult[], expected: Revision, foreseen: Foreseen | undefined): Answer {
  return (revision, isStored) => ({
    revision,
    replayed: false,
    ...(foreseen && { foreseen }),
    results: results.map((result) => {
      const { after } = result;
      if (after === undefined || after.revision !== expected || (isStored && revision === expected)) return result;
      return { ...result, after: { ...after, revision: isStored ? revision : 0 } };
    }),
  });
}
