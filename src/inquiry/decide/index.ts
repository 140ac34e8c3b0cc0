import { setImmediate } from 'node:timers/promises';
import { question } from '../../../policies/classifier/index.ts';
import type { Ends, Resolver } from '../../../policies/classifier/index.ts';
import type { Committed } from '../../admission/index.ts';
import type { Clock } from '../../base/clock.ts';
import { WeirError } from '../../base/errors.ts';
import type { Decide, DecideAsking } from '../ports.ts';
import { Answers, told } from './answers.ts';
import { readAsked } from './asked.ts';
import { StandingClassifier } from './standing-classifier.ts';
import type { Compiled, StandingOptions } from './standing-classifier.ts';

/** Between two looks at the clock. */
const sliceQuestions = 64;
/** A batch keeps the event loop for so long, then everybody else is served, other batches too. */
const sliceMs = 3;
/** What answers do not wait for is done so much later, and takes one part in ten of the time at most. */
const restMsMin = 200;
const restShare = 9;
/** So often a batch begins again because something was committed meanwhile; then it is answered without a pause. */
const attemptsMax = 4;

export interface Decider extends Decide {
  /** One commit, which the snapshot has already. */
  committed(commit: Committed): void;
}

/** Compiles what is stored; from then on `committed` keeps it up to date. What cannot be compiled refuses questions, nothing else. */
export function openDecider(options: StandingOptions): Decider {
  const { clock, snapshot } = options;
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
      isBehind = standing.standing?.classifier.work(() => clock.nowMs() - startMs >= sliceMs) === true;
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
  const standing = new StandingClassifier(options, workLater);
  return {
    committed: (commit) => standing.committed(commit),
    decide: async (asking) => {
      await turn();
      const since = snapshot().revision;
      for (let attempt = 1; ;) {
        const current = standing.at(since);
        if (current === undefined) {
          await standing.moved();
          continue;
        }
        const isStill = (): boolean => standing.standing === current;
        const pause = attempt < attemptsMax ? turn : undefined;
        const answers = await answer(current, asking, clock, isStill, pause);
        if (answers !== undefined) return { revision: current.revision, answers };
        attempt++;
      }
    },
  };
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
