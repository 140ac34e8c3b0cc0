import { players } from '../cast.ts';
import type { Show } from '../show.ts';
import { clusterActs } from './acts/index.ts';
import { type ClusterSize, ClusterWorld } from './world.ts';

/** As many as there are members of the larger cluster, so that each of those can have one. */
const hosts = 5;

export const clusterShow = (size: ClusterSize): Show<ClusterWorld> => ({
  title: `Weir on real Open vSwitch: ${size} controllers, ${hosts} hypervisors, ${players.length} VMs`,
  acts: clusterActs,
  open: (keep) => ClusterWorld.open({ hosts, keep, size }),
  left: (world) => [
    ...world.present.map(({ id, api, process }) => `   ${id.padEnd(12)} ${api.server}   log ${process.logPath}   pid ${process.pid}`),
    `   look         bin/weir cluster status --server ${world.api.server}`,
    `                bin/weir status --server ${world.api.server}`,
    `   documents    ${world.api.server}/docs`,
  ],
});
