import { type Act, within } from '../act.ts';
import type { LoneWorld } from '../lone-world.ts';
import { setStage } from '../stage.ts';

const startMsMax = 10_000;

export const comeAlive: Act<LoneWorld> = {
  title: 'Documents in, OpenFlow out',
  async play(world, note) {
    const begin = performance.now();
    note('starting Weir');
    await world.startController();
    const elapsedMs = performance.now() - begin;
    return [within('bin/weir serve', startMsMax, elapsedMs, 'listens after'), ...(await setStage(world, note))];
  },
};
