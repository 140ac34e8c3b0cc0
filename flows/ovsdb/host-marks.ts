import type { Row } from './tables.ts';

/**
 * Marks in `external_ids`. Rows that Weir made are owned; rows that stood before and that it has taken over in part are adopted:
 * of those only the columns that Weir needs are written. Rows without a mark are never written.
 */
export const ownedKey = 'weir-owned';
export const adoptedKey = 'weir-adopted';

/** Present on a bridge from the transaction that made or adopted it until its datapath is seen to work or to fail; the `next_cfg` to wait for. */
export const datapathProbeKey = 'weir-datapath-probe';

/** Between two attempts of a switch to reach a member. */
export const backoffMsMax = 1000;

export const tunnelPortName = 'weir-vxlan';

/** The IANA port of VXLAN (RFC 7348). */
export const vxlanPort = 4789;

export type Ownership = 'owned' | 'adopted' | 'foreign';

export function ownershipOf(row: { readonly external_ids: ReadonlyMap<string, string> }): Ownership {
  if (row.external_ids.get(ownedKey) === 'true') return 'owned';
  return row.external_ids.get(adoptedKey) === 'true' ? 'adopted' : 'foreign';
}

export type Root = Row<'Open_vSwitch'>;
export type Bridge = Row<'Bridge'>;
