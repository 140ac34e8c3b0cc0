import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acts } from '../../src/demo/acts/index.ts';
import { reach } from '../../src/demo/acts/reach.ts';
import { LoneWorld } from '../../src/demo/lone-world.ts';

/** The acts of the demo on a lab of their own: Weir is a process that they may kill, the switches are real, and so are the packets. */
let world: LoneWorld;
const silent = (): void => undefined;

beforeAll(async () => {
  world = await LoneWorld.open({ hosts: 3, keep: false });
});

afterAll(() => world.close());

describe('the main job', () => {
  test.each(acts.map((act) => [act.title, act] as const))('%s', async (_, act) => {
    const rows = await act.play(world, silent);
    // How fast things come about is for the demo and the benchmarks to say.
    expect(rows.filter(({ ok, isPace }) => !ok && !isPace)).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe('an act tells', () => {
  test('that nothing passes any more', async () => {
    await world.controller.stop();
    await Promise.all([...world.lab.hosts.keys()].map((host) => world.lab.ofctl(host, ['-O', 'OpenFlow15', 'del-flows', 'br-int'])));
    const rows = await reach.play(world, silent);
    expect(rows.filter(({ ok }) => ok)).toEqual([]);
    expect(rows.map(({ seen }) => seen)).toEqual(rows.map(() => 'silence'));
  });

  test('that all of it passes again', async () => {
    await world.startController();
    await world.awaitRealized();
    // On a busy machine vswitchd 3.1.0 may keep a datapath flow that drops though ofproto/trace forwards, for as long as packets hit it.
    await Promise.all([...world.lab.hosts.keys()].map((host) => world.lab.appctl(host, ['revalidator/purge'])));
    // A guest whose question for a neighbour went unanswered meanwhile waits up to a second before it asks again.
    const failing = async () => (await reach.play(world, silent)).filter(({ ok }) => !ok);
    await expect.poll(failing, { timeout: 60_000 }).toEqual([]);
  });
});
