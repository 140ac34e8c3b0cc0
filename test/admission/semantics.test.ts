import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { createGraph } from '../../policies/index.ts';
import { expectAgreement } from '../support/agreement.ts';
import { openHarness } from './harness.ts';
import { dice, firstDocuments, randomSubmission } from './requests.ts';

/** Inside and outside of the blocks that rules name; some are interfaces of other domains. */
const externals = ['10.0.0.1', '10.0.0.5', '10.1.0.9', '10.2.0.9', '192.0.2.9', 'fd00::5', 'fd00:0:0:1::2', '2001:db8::9'];
const ports = [22, 79, 80, 81, 82, 83];

test.each(Array.from({ length: 12 }, (_, index) => index + 1))('what was admitted is compiled as it is meant, seed %i', async (seed) => {
  const harness = await openHarness();
  await harness.apply(...firstDocuments);
  const graph = createGraph();
  graph.load(harness.admission.snapshot());
  harness.admission.onCommitted((committed) => graph.update(committed, harness.admission.snapshot()));
  const [roll, random] = [dice(seed), new Random(seed)];
  const decided = new Set<string>();
  let byName = 0;
  for (let round = 0; round < 40; round++) {
    const submissions = Array.from({ length: 12 }, () => harness.admission.submit(randomSubmission(roll)));
    await Promise.allSettled(submissions);
    const documents = harness.admission.snapshot();
    for (const how of expectAgreement(documents, graph, random, { count: 25, externals, ports })) decided.add(how);
    for (const host of graph.hosts())
      for (const element of graph.elements(host).values())
        if (element.kind === 'rule') byName += element.services?.filter((service) => 'destination' in service).length ?? 0;
  }
  expect(decided.size, 'the questions reach several tiers and verdicts').toBeGreaterThan(5);
  expect(byName, 'rules mean ports by name').toBeGreaterThan(20);
});
