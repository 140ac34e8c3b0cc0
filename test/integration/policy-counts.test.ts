import { afterAll, beforeAll, expect, test } from 'vitest';
import { tables } from '../../flows/pipeline/index.ts';
import { createGraph } from '../../policies/index.ts';
import { groupedCloud } from '../support/grouped-cloud.ts';
import { renderHost } from '../support/render-host.ts';
import { TraceBridge } from '../support/trace-bridge.ts';

/** What Open vSwitch itself holds of policies. */
let bridge: TraceBridge;
beforeAll(async () => void (bridge = await TraceBridge.start()));
afterAll(() => bridge.stop());

async function installedFlows(cloud: ReturnType<typeof groupedCloud>): Promise<ReadonlyMap<number, number>> {
  const graph = createGraph();
  graph.load(cloud.documents);
  const elements = [...graph.elements('h0').values()];
  await bridge.install(
    renderHost(elements, () => undefined),
    elements,
  );
  const management = await bridge.manage(6);
  try {
    const byTable = Map.groupBy(await management.dump(), ({ tableId }) => tableId);
    return new Map([...byTable].map(([table, flows]) => [table, flows.length]));
  } finally {
    management.close();
  }
}

const policyTables = (counts: ReadonlyMap<number, number>): number =>
  [...counts].reduce((sum, [table, count]) => sum + (table >= tables.egressPlatform.id && table <= tables.accounting.id ? count : 0), 0);

test('a host with 50 VMs, each in ten of 100 groups of 100, holds less than 1,000 policy flows for 100 rules between groups', async () => {
  const counts = await installedFlows(groupedCloud({ vms: 1_000, groups: 100, groupsOfVm: 10, rules: 100 }));
  expect(counts.get(tables.identity.id)).toBeGreaterThanOrEqual(1_000);
  // Beside the rules' there are those that every host has.
  expect(policyTables(counts)).toBeGreaterThan(200);
  expect(policyTables(counts)).toBeLessThan(250);
});

test('the same for 300 groups, told apart by sets, and 300 rules', async () => {
  const counts = await installedFlows(groupedCloud({ vms: 300, groups: 300, groupsOfVm: 1, rules: 300, hosts: 1 }));
  expect(policyTables(counts)).toBeGreaterThan(600);
  expect(policyTables(counts)).toBeLessThan(650);
});
