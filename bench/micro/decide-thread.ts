import { parentPort, workerData } from 'node:worker_threads';
import { question, Reader } from '../../policies/classifier/index.ts';

/** One of the threads of `bench decide`: warm on one trace, then through another once, when all are told to. */
interface Task {
  readonly classifier: WebAssembly.Memory;
  readonly warm: SharedArrayBuffer;
  readonly trace: SharedArrayBuffer;
  readonly answers: SharedArrayBuffer;
}

const { classifier, warm, trace, answers } = workerData as Task;
const reader = new Reader(classifier);
const decided = new Int32Array(answers);
const through = (questions: Int32Array): void => {
  reader.decide(questions, questions.length / question.size, decided);
};
for (let round = 0; round < 3; round++) through(new Int32Array(warm));
parentPort?.once('message', () => {
  const started = performance.timeOrigin + performance.now();
  const before = process.threadCpuUsage();
  through(new Int32Array(trace));
  const { user, system } = process.threadCpuUsage(before);
  parentPort?.postMessage({ started, ended: performance.timeOrigin + performance.now(), cpuUs: user + system }, []);
  parentPort?.close();
});
parentPort?.postMessage('ready', []);
