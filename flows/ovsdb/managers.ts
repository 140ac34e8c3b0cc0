import { epochAsRead, storedEpoch } from './epoch.ts';
import { backoffMsMax, ownedKey, ownershipOf } from './host-marks.ts';
import type { Root } from './host-marks.ts';
import type { Replica } from './replica.ts';
import { TransactionBuilder } from './transaction.ts';
import type { Operations } from './transaction.ts';

/**
 * A switch is told of one member or several by its user; of the others by us. Of Manager rows only those go again that we made, when their
 * member is one no more. `own` are the targets by which the switch may know this member.
 */
export function repairManagers(
  builder: TransactionBuilder,
  replica: Replica,
  root: Root,
  own: readonly string[],
  others: readonly string[],
): void {
  const rows = managersOf(replica, root);
  const stale = rows.filter((row) => ownershipOf(row) === 'owned' && !others.includes(row.target) && !own.includes(row.target));
  const uuids = stale.map(({ uuid }) => uuid);
  if (uuids.length > 0) builder.removeFrom('Open_vSwitch', root.uuid, 'manager_options', uuids);
  addManagers(builder, replica, root, others);
}

/**
 * Makes the other members known to a switch that is another's: its owner may be one that it cannot find yet. Undefined when it knows
 * them all. Only what is missing is added, and only as long as the epoch is what was read.
 */
export function introduceMembers(replica: Replica, others: readonly string[]): Operations | undefined {
  const { root } = replica;
  if (!root) return undefined;
  const builder = new TransactionBuilder(storedEpoch(replica) ?? 0, epochAsRead(root));
  addManagers(builder, replica, root, others);
  return builder.empty ? undefined : builder.comment('weir: the other members').build();
}

function addManagers(builder: TransactionBuilder, replica: Replica, root: Root, wanted: readonly string[]): void {
  const present = new Set(managersOf(replica, root).map(({ target }) => target));
  const missing = wanted.filter((target) => !present.has(target));
  if (missing.length === 0) return;
  builder.guardRow('Open_vSwitch', root, ['manager_options']);
  const row = { max_backoff: backoffMsMax, external_ids: { [ownedKey]: 'true' } };
  const made = missing.map((target) => builder.insert('Manager', { target, ...row }));
  builder.addTo('Open_vSwitch', root.uuid, 'manager_options', made);
}

const managersOf = (replica: Replica, root: Root) =>
  root.manager_options.map((uuid) => replica.row('Manager', uuid)).filter((row) => row !== undefined);
