import { parentPort, workerData } from 'node:worker_threads';
import { Reader } from '../../../policies/classifier/index.ts';

/**
 * Asks one question again and again until it is told to stop, and counts what it saw: the actions of both sides, and how often they changed. `stop`: that
 * it is to stop, and how many changes it has seen.
 */
const { classifier, asked, stop } = workerData as {
  readonly classifier: WebAssembly.Memory;
  readonly asked: Int32Array;
  readonly stop: Int32Array;
};
const reader = new Reader(classifier);
const answers = new Int32Array(2);
let decisions = 0;
let torn = 0;
let changes = 0;
let last = -1;
let backwards = 0;
let lastRevision = 0;
while (Atomics.load(stop, 0) === 0) {
  const revision = reader.decide(asked, 1, answers);
  const [egress = -1, ingress = -1] = answers;
  if (egress < 0 || ingress < 0 || (egress & 3) !== (ingress & 3)) torn++;
  if ((egress & 3) !== last) Atomics.store(stop, 1, ++changes);
  if (revision < lastRevision) backwards++;
  lastRevision = revision;
  last = egress & 3;
  if (++decisions === 1) parentPort?.postMessage('begun', []);
}
parentPort?.postMessage({ decisions, torn, backwards }, []);
