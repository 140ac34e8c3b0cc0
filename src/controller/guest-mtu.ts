import { guestMtu } from '../../policies/index.ts';
import type { Snapshot } from '../admission/ports.ts';
import { parseAddress } from '../base/addresses.ts';

const underlayMtuDefault = 1500;

/** Bytes of the largest IP packet of a guest on a host. `underlayMtu`: of the network that carries the tunnels. */
export function guestMtuOn(snapshot: Snapshot, underlayMtu: number | undefined, host: string | undefined): number {
  const encap = host === undefined ? undefined : snapshot.get('Host', undefined, host)?.document.spec.encapIp;
  return guestMtu(underlayMtu ?? underlayMtuDefault, encap === undefined ? 4 : parseAddress(encap).family);
}
