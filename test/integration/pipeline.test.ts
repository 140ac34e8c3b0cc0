import { afterAll, beforeAll, expect, test } from 'vitest';
import { FrameQuestions } from '../support/frame-questions.ts';
import { disagreement } from '../support/judges.ts';
import { TraceBridge } from '../support/trace-bridge.ts';

/**
 * The judges of `test/support/judges.ts` and random packets on random clouds. One seed repeats one cloud with all of its questions:
 * WEIR_PIPELINE_SEED=N; WEIR_PIPELINE_CLOUDS and WEIR_PIPELINE_QUESTIONS ask for more, and so does `make fuzz`.
 */
const wanted = (name: string, otherwise: number): number => Number(process.env[`WEIR_PIPELINE_${name}`] ?? otherwise);
const firstSeed = wanted('SEED', 1);
const questions = wanted('QUESTIONS', 800);
const seeds = Array.from({ length: wanted('CLOUDS', 24) }, (_, index) => firstSeed + index);

let bridge: TraceBridge;
beforeAll(async () => void (bridge = await TraceBridge.start()));
afterAll(() => bridge.stop());

/** How often something arrived in guests, in tunnels and nowhere, over all clouds. */
const seen = { guest: 0, tunnel: 0, dropped: 0 };

test.each(seeds)('documents, compiled rules, our trace and Open vSwitch agree on cloud %i', async (seed) => {
  const cloud = new FrameQuestions(seed);
  await bridge.host(cloud);
  for (let count = 0; count < questions; count++) {
    const question = cloud.next();
    expect(await disagreement(cloud, question, bridge)).toBeUndefined();
    const { guests, tunnels } = question.expected;
    if (guests.length > 0) seen.guest++;
    if (tunnels.length > 0) seen.tunnel++;
    if (guests.length + tunnels.length === 0) seen.dropped++;
  }
});

test('the questions have every kind of answer', () => {
  const asked = seen.guest + seen.tunnel + seen.dropped;
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(asked / 50);
});
