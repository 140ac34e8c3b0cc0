import { FrameQuestions } from './support/frame-questions.ts';
import { disagreement } from './support/judges.ts';
import { TraceBridge } from './support/trace-bridge.ts';

/**
 * `make fuzz`: the judges and random clouds, seed after seed, for MINUTES (10 when absent) from SEED (a random one when absent). Ends with
 * the seed that fails, which `make fuzz SEED=N MINUTES=1` repeats.
 */
const questionsPerCloud = 800;
const firstSeed = Number(process.env['SEED'] || Math.floor(Math.random() * 0x7fff_ffff));
const minutes = Number(process.env['MINUTES'] || 10);
const endsAt = performance.now() + minutes * 60_000;

process.stdout.write(`fuzz: from seed ${firstSeed}, ${minutes} minutes\n`);
const bridge = await TraceBridge.start();
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

let clouds = 0;
let packets = 0;
let failure: string | undefined;
try {
  while (failure === undefined && !interrupted.signal.aborted && performance.now() < endsAt) {
    const cloud = new FrameQuestions(firstSeed + clouds++);
    if (!cloud.isInhabited) continue;
    await bridge.host(cloud);
    for (let count = 0; count < questionsPerCloud && failure === undefined; count++, packets++)
      failure = await disagreement(cloud, cloud.next(), bridge);
    if (clouds % 25 === 0) process.stdout.write(`fuzz: ${clouds} clouds, ${packets} packets, seed ${cloud.seed}\n`);
  }
} catch (thrown) {
  failure = `seed ${firstSeed + clouds - 1}: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
} finally {
  await bridge.stop();
}
process.stdout.write(failure === undefined ? `fuzz: ${clouds} clouds agree, ${packets} packets\n` : `fuzz: FAILED\n${failure}\n`);
process.exitCode = failure === undefined ? 0 : 1;
