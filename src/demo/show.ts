import type { Act } from './act.ts';
import { acts } from './acts/index.ts';
import { players } from './cast.ts';
import { LoneWorld } from './lone-world.ts';
import type { World } from './world.ts';

/** What is played, and where. */
export interface Show<W extends World> {
  readonly title: string;
  readonly acts: readonly Act<W>[];
  open(keep: boolean): Promise<W>;
  /** Where its controllers are found, when it is left running. */
  left(world: W): readonly string[];
}

const hosts = 3;

export const loneShow: Show<LoneWorld> = {
  title: `Weir on real Open vSwitch: ${hosts} hypervisors, ${players.length} VMs`,
  acts,
  open: (keep) => LoneWorld.open({ hosts, keep }),
  left: ({ controller }) => {
    const { api } = controller.addresses;
    return [
      `   API          ${api}   documents at ${api}/docs`,
      `   look         bin/weir status --server ${api}`,
      `                bin/weir get vms -A --server ${api}`,
      `   its log      ${controller.logPath}   pid ${controller.pid}`,
    ];
  },
};
