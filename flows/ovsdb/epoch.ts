import { assert } from '../../src/base/errors.ts';
import type { Root } from './host-marks.ts';
import type { JsonObject } from './json.ts';
import type { Replica } from './replica.ts';
import { epochKey, waitForMatch, waitForRootId } from './transaction.ts';
import type { Epoch, Operations } from './transaction.ts';

export type EpochRaise =
  | { readonly kind: 'raise'; readonly operations: Operations }
  /** The switch has this epoch already: there is nothing to do. */
  | { readonly kind: 'current' }
  /** A newer owner was here: this member must not touch the switch. */
  | { readonly kind: 'superseded'; readonly storedEpoch: Epoch };

/** The epoch in the switch's database; undefined when there is none, or none that a Weir wrote. */
export function storedEpoch(replica: Replica): Epoch | undefined {
  const text = replica.root?.external_ids.get(epochKey);
  if (text === undefined || !/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const epoch = Number(text);
  return Number.isSafeInteger(epoch) ? epoch : undefined;
}

/**
 * Compare-and-set of the fencing epoch: what the replica shows is what must still stand. To be sent before MASTER is
 * requested; `fenced` as its outcome means that somebody else changed the epoch meanwhile: read it again.
 * Undefined while the database has no root row yet.
 */
export function raiseEpoch(replica: Replica, epoch: Epoch): EpochRaise | undefined {
  assert(Number.isSafeInteger(epoch) && epoch >= 0, 'an epoch is a safe integer, 0 or more');
  const root = replica.root;
  if (!root) return undefined;
  const stored = storedEpoch(replica);
  if (stored === epoch) return { kind: 'current' };
  if (stored !== undefined && stored > epoch) return { kind: 'superseded', storedEpoch: stored };
  const guard = epochAsRead(root);
  const mutations = [
    ['external_ids', 'delete', ['set', [epochKey]]],
    ['external_ids', 'insert', ['map', [[epochKey, String(epoch)]]]],
  ];
  const list = [guard, { op: 'mutate', table: 'Open_vSwitch', where: [], mutations }, { op: 'comment', comment: `weir: epoch ${epoch}` }];
  return { kind: 'raise', operations: { epoch, list, brand: 'guarded' } };
}

/** Holds while the epoch, or that there is none, is as it was read. */
export function epochAsRead(root: Root): JsonObject {
  const text = root.external_ids.get(epochKey);
  if (text !== undefined) return waitForRootId(epochKey, text);
  // A map cannot be asked whether it lacks a key, so for the first epoch the whole map must be as it was read.
  return waitForMatch('Open_vSwitch', [['external_ids', '==', ['map', [...root.external_ids].map((entry) => [...entry])]]]);
}

/**
 * Whether vswitchd has carried out the transaction that raised `next_cfg` to `nextCfg`. `cur_cfg` is stored, so it outlives
 * vswitchd: after a restart it may be as high as before although nothing is set up yet. What tells of a restart is the OpenFlow
 * connection; what tells that the bridge works again is its `datapath_id`, which vswitchd writes in the same transaction as `cur_cfg`.
 */
export function configured(replica: Replica, nextCfg: number): boolean {
  const root = replica.root;
  return root !== undefined && root.cur_cfg >= nextCfg;
}
