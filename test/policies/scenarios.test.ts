import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PolicyScenario } from '../support/policy-scenario.ts';

/** The texts of test/scenarios/policy, played from top to bottom on the cast of docs/policy.md. */

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'test/scenarios/policy');
const cast = readFileSync(join(root, 'examples/policies/cast.yaml'), 'utf8');

test.each(readdirSync(folder))('%s', async (name) => {
  const scenario = await PolicyScenario.open(cast);
  const blocks = readFileSync(join(folder, name), 'utf8').split(/^== /m).slice(1);
  expect(blocks.length).toBeGreaterThan(1);
  for (const block of blocks) {
    const { seen, expected } = await scenario.play(block);
    expect(seen, `after ${block}`).toEqual(expected);
  }
});
