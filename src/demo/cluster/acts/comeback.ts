import { type Act, delay, same, within } from '../../act.ts';
import { monitorFlows } from '../../flow-monitor.ts';
import { startTraffic } from '../../passing.ts';
import { ledgerRow, noFlowRow, ownersRow, sharesOf } from '../evidence.ts';
import { sameOwners } from '../owners.ts';
import type { ClusterWorld } from '../world.ts';

const startMsMax = 20_000;
/** Long enough that something sent late would show. */
const afterwardsMs = 300;

export const comeback: Act<ClusterWorld> = {
  title: 'The dead one comes back, catches up, and takes its share',
  async play(world, note) {
    const [dead] = world.members.filter(({ process }) => !process.isRunning);
    if (!dead) return [same('members that are dead', 'one', 'none')];
    const before = await world.awaitOwners();
    const monitor = await monitorFlows(world.lab);
    const traffic = await startTraffic(world);
    note(`starting ${dead.id}`);
    const begin = performance.now();
    await world.startMember(dead.id);
    const startMs = performance.now() - begin;
    const caughtUp = await ledgerRow(world, [dead]);
    note('asking the switches');
    const after = await world.awaitOwners((owners) => sameOwners(owners, world.shares));
    await delay(afterwardsMs);
    const [passed, changes] = await Promise.all([traffic.stop(), monitor.stop()]);
    return [
      within(`bin/weir serve, ${dead.id} on its own disk`, startMsMax, startMs, 'listens after'),
      caughtUp,
      ownersRow('owners, as the switches say', world.lab.hosts.size, after, before),
      same('what it has again', sharesOf(world.shares, [dead.id]), sharesOf(after, [dead.id])),
      noFlowRow('flows changed on any switch, as flow monitors tell', changes),
      ...passed,
    ];
  },
};
