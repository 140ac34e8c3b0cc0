import type { Port } from '../openflow/index.ts';

/** A port as the switch describes it. */
export interface SwitchPort {
  readonly number: number;
  readonly name: string;
  readonly mac: number;
  readonly isLinkUp: boolean;
}

export type PortChange = 'added' | 'modified' | 'deleted';

const changes: Readonly<Record<string, PortChange>> = { OFPPR_ADD: 'added', OFPPR_DELETE: 'deleted', OFPPR_MODIFY: 'modified' };

export function portFrom(port: Port): SwitchPort {
  return { number: port.port_no, name: port.name, mac: port.hw_addr, isLinkUp: !port.state.includes('OFPPS_LINK_DOWN') };
}

/** @param reason as the codec names it; one that is not known counts as a modification */
export function portChangeFrom(reason: string | number): PortChange {
  return changes[reason] ?? 'modified';
}
