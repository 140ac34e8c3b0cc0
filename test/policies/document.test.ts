import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { linesOf, PolicyScenario } from '../support/policy-scenario.ts';

/** docs/policy.md is true: its documents are those of examples/policies, and they mean what it says they mean. */

const root = join(import.meta.dirname, '../..');
const examples = join(root, 'examples/policies');
const cast = readFileSync(join(examples, 'cast.yaml'), 'utf8');
const text = readFileSync(join(root, 'docs/policy.md'), 'utf8');
const shown = [...text.matchAll(/^```yaml (examples\/policies\/\S+)\n([^]*?)^```\n```verdicts\n([^]*?)^```/gm)].map(
  ([, path = '', documents = '', verdicts = '']) => ({ path, documents, verdicts }),
);

test('every example is shown, and every block is an example with its verdicts', () => {
  expect(shown.map(({ path }) => path).toSorted()).toEqual(
    readdirSync(examples)
      .filter((name) => name !== 'cast.yaml')
      .map((name) => `examples/policies/${name}`)
      .toSorted(),
  );
  expect(text.match(/^```\w/gm)?.length).toBe(shown.length * 2);
});

test.each(shown.map((example) => [example.path, example] as const))('%s', async (path, { documents, verdicts }) => {
  expect(documents).toBe(readFileSync(join(root, path), 'utf8'));
  const scenario = await PolicyScenario.open(cast, documents);
  const told = linesOf(verdicts).map((line) => scenario.ask(line));
  expect(told.length).toBeGreaterThan(0);
  expect(told.map(({ seen }) => seen)).toEqual(told.map(({ line }) => line));
});
