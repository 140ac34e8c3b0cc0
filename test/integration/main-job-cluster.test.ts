import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterActs } from '../../src/demo/cluster/acts/index.ts';
import { ledgerRow, noFlowRow } from '../../src/demo/cluster/evidence.ts';
import { ClusterWorld } from '../../src/demo/cluster/world.ts';
import { monitorFlows } from '../../src/demo/flow-monitor.ts';

/** The acts of the demo of a cluster, in their order: members are processes that they kill and stop, the switches are real, and so are the packets. */
let world: ClusterWorld;
const silent = (): void => undefined;

beforeAll(async () => {
  world = await ClusterWorld.open({ hosts: 5, keep: false, size: 3 });
});

afterAll(() => world.close());

describe('three controllers', () => {
  test.each(clusterActs.map((act) => [act.title, act] as const))('%s', async (_, act) => {
    const rows = await act.play(world, silent);
    // How fast things come about is for the demo and the benchmarks to say.
    expect(rows.filter(({ ok, isPace }) => !ok && !isPace)).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe('what is seen can be other than expected', () => {
  test('a flow that somebody writes', async () => {
    const monitor = await monitorFlows(world.lab);
    await world.lab.ofctl('hv4', ['-O', 'OpenFlow15', 'add-flow', 'br-int', 'table=0,priority=65535,actions=drop']);
    await world.lab.ofctl('hv4', ['-O', 'OpenFlow15', '--strict', 'del-flows', 'br-int', 'table=0,priority=65535']);
    await expect.poll(() => monitor.heard).toBeGreaterThan(0);
    expect(noFlowRow('flows', await monitor.stop())).toMatchObject({ ok: false });
  });

  test('a write that was acknowledged and is not there', async () => {
    world.ledger.acknowledged.push({ name: 'never-written', revision: 1, at: 'nobody', askedMs: 0, answeredMs: 0 });
    expect(await ledgerRow(world, world.present)).toMatchObject({ ok: false, seen: expect.stringContaining('never-written') });
  });
});
