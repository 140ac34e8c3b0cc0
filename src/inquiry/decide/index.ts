import { setImmediate } from 'node:timers/promises';
import { Classifier, question, Resolver } from '../../../policies/classifier/index.ts';
import type { Ends, Reader } from '../../../policies/classifier/index.ts';
import type { Change } from '../../../policies/index.ts';
import { Standstill } from '../../admission/index.ts';
import type { Committed, Snapshot } from '../../admission/index.ts';
import type { Clock } from '../../base/clock.ts';
import { inSlices } from '../../base/slices.ts';
import { reasonOf, WeirError } from '../../base/errors.ts';
import type { Decide, DecideAsking } from '../ports.ts';
import { Answers, told } from './answers.ts';
import { readAsked } from './asked.ts';

/** Between two looks at the clock. */
const sliceQuestions = 64;
/** A batch keeps the event loop for so long, then everybody else is served, other batches too. */
const sliceMs = 3;
/** What could not be compiled is tried again so much later: each attempt costs as much as the documents are many. */
const compileAgainMs = 30_000;
/** What answers do not wait for is done so much later, and takes one part in ten of the time at most. */
const restMsMin = 200;
const restShare = 9;
/** So often a batch begins again because something was committed meanwhile; then it is answered without a pause. */
const attemptsMax = 4;

export interface DecideOptions {
  readonly snapshot: () => Snapshot;
  readonly clock: Clock;
  /** The classifier is lost, and compiled anew when it is next asked. */
  readonly onProblem: (reason: string) => void;
  /** Of memory. */
  readonly limits?: ConstructorParameters<typeof Classifier>[2];
}

export interface Decider extends Decide {
  /** One commit, which the snapshot has already. */
  committed(commit: Committed): void;
}

interface Compiled {
  readonly classifier: Classifier;
  readonly reader: Reader;
  readonly resolver: Resolver;
}

/** Compiles what is stored; from then on `committed` keeps it up to date. What cannot be compiled refuses questions, nothing else. */
export function openDecider(options: DecideOptions): Decider {
  const { clock } = options;
  let compiled: Compiled | undefined;
  let compiling: Promise<Compiled> | undefined;
  let failed: { readonly reason: unknown; readonly againMs: number } | undefined;
  const listeners = new Set<(commit: Committed) => void>();
  const compileNow = async (): Promise<Compiled> => {
    try {
      const onCommitted: OnCommitted = (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      };
      const made = await compile(options, onCommitted, (done) => (compiled = done));
      failed = undefined;
      workLater();
      return made;
    } catch (reason) {
      failed = { reason, againMs: options.clock.nowMs() + compileAgainMs };
      options.onProblem(reasonOf(reason));
      throw reason;
    } finally {
      compiling = undefined;
    }
  };
  /** Rejects with why it cannot be compiled. */
  const standing = (): Compiled | Promise<Compiled> => {
    if (compiled) return compiled;
    if (failed && options.clock.nowMs() < failed.againMs) throw failed.reason;
    return (compiling ??= compileNow());
  };
  // One slice in each turn of the event loop, however many batches there are.
  let lastTurn = Promise.resolve();
  const turn = (): Promise<void> => (lastTurn = lastTurn.then(() => setImmediate()));
  // In turns of its own, so that no question and no commit waits for more than one slice.
  let isWorking = false;
  let restMs = restMsMin;
  const work = async (): Promise<void> => {
    let spentMs = 0;
    for (let isBehind = true; isBehind;) {
      await turn();
      const startMs = clock.nowMs();
      isBehind = compiled?.classifier.work(() => clock.nowMs() - startMs >= sliceMs) === true;
      spentMs += clock.nowMs() - startMs;
    }
    isWorking = false;
    restMs = Math.max(restMsMin, spentMs * restShare);
  };
  const workLater = (): void => {
    if (isWorking) return;
    isWorking = true;
    setTimeout(() => void work(), restMs).unref();
  };
  compiling = compileNow();
  compiling.catch((thrown: unknown) => {
    if (!(thrown instanceof WeirError)) throw thrown;
  });
  return {
    committed: (commit) => {
      for (const listener of listeners) listener(commit);
      try {
        compiled?.classifier.update(commit, options.snapshot(), commit.revision);
        if (compiled) workLater();
      } catch (thrown) {
        compiled = undefined;
        options.onProblem(reasonOf(thrown));
      }
    },
    decide: async (asking) => {
      await turn();
      for (let attempt = 1; ; attempt++) {
        const current = compiled ?? (await standing());
        const { revision } = options.snapshot();
        const isStill = (): boolean => compiled === current && options.snapshot().revision === revision;
        const pause = attempt < attemptsMax ? turn : undefined;
        const answers = await answer(current, asking, options.clock, isStill, pause);
        if (answers !== undefined) return { revision, answers };
      }
    },
  };
}

type OnCommitted = (listener: (commit: Committed) => void) => () => void;

/** In slices, over documents that stand still for it; then what was committed meanwhile. */
async function compile(
  { snapshot, limits, clock }: DecideOptions,
  onCommitted: OnCommitted,
  publish: (compiled: Compiled) => void,
): Promise<Compiled> {
  const missed: Change['documents'][number][] = [];
  const stopMissing = onCommitted(({ documents }) => void missed.push(...documents));
  const standstill = new Standstill({ snapshot, onCommitted });
  try {
    const classifier = await inSlices(Classifier.compiling(standstill.snapshot, snapshot().revision, limits), clock);
    if (missed.length > 0) classifier.update({ documents: missed }, snapshot(), snapshot().revision);
    const compiled = { classifier, reader: classifier.reader(), resolver: new Resolver(classifier.interfaces) };
    // Before anything else is committed.
    publish(compiled);
    return compiled;
  } finally {
    standstill.release();
    stopMissing();
  }
}

/** Undefined when something was committed during a pause. */
async function answer(
  { classifier, reader, resolver }: Compiled,
  { tenant, viewer, questions }: DecideAsking,
  clock: Clock,
  isStill: () => boolean,
  pause: (() => Promise<void>) | undefined,
): Promise<readonly string[] | undefined> {
  const texts = new Answers((number) => classifier.rule(number));
  const answers: string[] = [];
  const words = new Int32Array(sliceQuestions * question.size);
  const outcomes = new Int32Array(sliceQuestions * 2);
  const seen = new Uint8Array(sliceQuestions);
  let sliceStartMs = clock.nowMs();
  for (let first = 0; first < questions.length; first += sliceQuestions) {
    if (pause && clock.nowMs() - sliceStartMs >= sliceMs) {
      await pause();
      if (!isStill()) return undefined;
      sliceStartMs = clock.nowMs();
    }
    const slice = questions.slice(first, first + sliceQuestions);
    words.fill(0);
    const errors = slice.map((raw, index) => {
      const ends = resolve(resolver, tenant, raw, words, index * question.size);
      if (typeof ends === 'string') return ends;
      seen[index] = seenBy(viewer, ends);
      return undefined;
    });
    reader.decide(words, slice.length, outcomes);
    for (const [index, error] of errors.entries())
      answers.push(error ?? texts.of(outcomes[index * 2] ?? 0, outcomes[index * 2 + 1] ?? 0, seen[index] ?? told.neither));
  }
  return answers;
}

/** A tenant is told in full how its own interfaces are judged. */
function seenBy(viewer: string | undefined, { from, to }: Ends): number {
  if (viewer === undefined) return told.both;
  return (from.holder?.tenant === viewer ? told.egress : told.neither) | (to.holder?.tenant === viewer ? told.ingress : told.neither);
}

/** Writes the question's words; answers whose they are, or why it cannot be asked, as JSON. */
function resolve(resolver: Resolver, tenant: string | undefined, raw: unknown, words: Int32Array, at: number): Ends | string {
  try {
    return resolver.resolve(tenant, readAsked(raw), words, at);
  } catch (thrown) {
    if (!(thrown instanceof WeirError)) throw thrown;
    words.fill(0, at, at + question.size);
    return JSON.stringify({ error: { code: thrown.code, detail: thrown.message } });
  }
}
