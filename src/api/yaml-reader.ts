import { Worker } from 'node:worker_threads';
import { ProblemError } from './problem.ts';
import { parseYamlStream } from './yaml-stream.ts';
import type { Outcome } from './yaml-thread.ts';

/** Shorter texts are read where they arrive: a thread would take longer than the worst of them. */
const shortCharactersMax = 16_384;

interface ThreadLimits {
  readonly durationMsMax: number;
  readonly heapMbMax: number;
}

/**
 * Reads YAML streams so that no text, however it is made, stops the program or fills its memory: long ones are read in a thread
 * of their own, one at a time, whose time and memory are bounded.
 */
export class YamlReader {
  readonly #limits: ThreadLimits;
  #last: Promise<unknown> = Promise.resolve();

  constructor(limits: ThreadLimits = { durationMsMax: 15_000, heapMbMax: 512 }) {
    this.#limits = limits;
  }

  /** Rejects with a `ProblemError` when the text is no YAML or takes too much. */
  async read(text: string): Promise<readonly unknown[]> {
    if (text.length <= shortCharactersMax) return parseYamlStream(text);
    const documents = this.#last.then(() => readInThread(text, this.#limits));
    this.#last = Promise.allSettled([documents]);
    return documents;
  }
}

function readInThread(text: string, { durationMsMax, heapMbMax }: ThreadLimits): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('yaml-thread.ts', import.meta.url), {
      workerData: text,
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    });
    const timer = setTimeout(() => {
      reject(malformed(`it takes longer than ${durationMsMax} ms to read: send it in parts, or as JSON`));
      void thread.terminate();
    }, durationMsMax);
    thread.once('message', (outcome: Outcome) => {
      if ('documents' in outcome) resolve(outcome.documents);
      else reject(new ProblemError('malformed', outcome.refused));
    });
    thread.once('error', (cause: Error & { readonly code?: string }) => {
      reject(
        cause.code === 'ERR_WORKER_OUT_OF_MEMORY' ? malformed('it takes too much memory to read: send it in parts, or as JSON') : cause,
      );
    });
    thread.once('exit', () => {
      clearTimeout(timer);
      reject(new Error('the thread that reads YAML ended without an answer'));
    });
  });
}

const malformed = (reason: string): ProblemError => new ProblemError('malformed', `the YAML stream cannot be read: ${reason}`);
