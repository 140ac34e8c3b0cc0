import { parentPort, workerData } from 'node:worker_threads';
import { ProblemError } from './problem.ts';
import { parseYamlStream } from './yaml-stream.ts';

/** What a thread that reads one text answers, once. */
export type Outcome = { readonly documents: readonly unknown[] } | { readonly refused: string };

// A text can be nothing but mistakes, and all but the first are thrown away: where in the parser they were found costs the most.
Error.stackTraceLimit = 0;
parentPort?.postMessage(read(workerData as string), []);

function read(text: string): Outcome {
  try {
    return { documents: parseYamlStream(text) };
  } catch (thrown) {
    if (thrown instanceof ProblemError) return { refused: thrown.message };
    throw thrown;
  }
}
