import { datapathProbeKey } from './host-marks.ts';
import type { Bridge, Root } from './host-marks.ts';
import type { Replica } from './replica.ts';

/**
 * Which datapath carries the integration bridge: `system` (the kernel's) or `netdev` (userspace).
 *
 * `Open_vSwitch.datapath_types` and `iface_types` list what vswitchd was built with: both name `system` on a machine without the kernel
 * module too, and no other column tells. What does tell is a bridge: vswitchd writes `datapath_id` in the same transaction as the `cur_cfg`
 * that covers the bridge, and leaves it empty when the datapath could not be opened. So, in this order:
 *
 * 1. `Open_vSwitch.external_ids:weir-datapath-type` is obeyed.
 * 2. An existing bridge keeps its type.
 * 3. A new bridge takes the type of a bridge that works beside it, the kernel's first.
 * 4. Otherwise it starts as `system`, unless that is not compiled in, and is probed: when vswitchd has carried out the `next_cfg` that is noted
 *    under `weir-datapath-probe` and the bridge still has no `datapath_id`, it becomes `netdev`. A bridge without a datapath
 *    carries no packet, so nothing is lost. The note goes with the first `datapath_id` seen; from then on the type is never changed.
 */
const datapathTypeKey = 'weir-datapath-type';

/** An empty type means `system` (ovs-vswitchd.conf.db(5), Bridge). */
export const datapathTypeOf = (bridge: Bridge): string => bridge.datapath_type || 'system';

const works = (bridge: Bridge): boolean => bridge.datapath_id !== undefined;

function initialDatapathType(replica: Replica, root: Root): string {
  const working = new Set([...replica.rows('Bridge').values()].filter(works).map(datapathTypeOf));
  for (const type of ['system', 'netdev']) if (working.has(type)) return type;
  return root.datapath_types.length > 0 && !root.datapath_types.includes('system') ? 'netdev' : 'system';
}

/** The type that the bridge, or the bridge that is to be made, must have now. */
export function chosenDatapathType(replica: Replica, root: Root, bridge: Bridge | undefined): string {
  const asked = root.external_ids.get(datapathTypeKey);
  if (asked) return asked;
  if (!bridge) return initialDatapathType(replica, root);
  return probeFailed(root, bridge) ? 'netdev' : datapathTypeOf(bridge);
}

function probeFailed(root: Root, bridge: Bridge): boolean {
  const probe = bridge.external_ids.get(datapathProbeKey);
  return probe !== undefined && !works(bridge) && /^\d{1,15}$/.test(probe) && root.cur_cfg >= Number(probe);
}

/** Whether the note of the probe has served: the datapath was seen to work or to fail. */
export function probeIsOver(root: Root, bridge: Bridge): boolean {
  return bridge.external_ids.has(datapathProbeKey) && (works(bridge) || probeFailed(root, bridge));
}

/** The `next_cfg` that the transaction at hand will raise to, as the note of a probe; the transaction must guard `next_cfg`. */
export const probeNote = (root: Root): string => String(BigInt(root.next_cfg) + 1n);
