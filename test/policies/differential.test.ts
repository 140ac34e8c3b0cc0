import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { createGraph } from '../../policies/index.ts';
import { expectAgreement } from '../support/agreement.ts';
import { externals, RandomCloud } from './random-cloud.ts';

const ports = [80, 443, 5432, 53, 50, 500, 501, 9];

test.each(Array.from({ length: 25 }, (_, seed) => 1000 + seed))('what is compiled decides as the semantics, seed %i', (seed) => {
  const random = new Random(seed);
  const cloud = new RandomCloud(random);
  const graph = createGraph();
  graph.load(cloud.documents);
  const decided = new Set<string>();
  for (let round = 0; round < 12; round++) {
    for (let step = 0; step < 4; step++) graph.update(cloud.mutate(), cloud.documents);
    for (const how of expectAgreement(cloud.documents, graph, random, { count: 40, externals, ports })) decided.add(how);
  }
  expect(decided.size, 'the questions reach several tiers and verdicts').toBeGreaterThan(4);
});
