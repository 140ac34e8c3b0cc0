/**
 * The VMs of `examples/` and the hypervisor that each is started on: every pair that matters meets on one host in one
 * place, and across hosts in another.
 */
export const cast = {
  'acme/web-1': 'hv1',
  'acme/web-2': 'hv2',
  'acme/db-1': 'hv3',
  'acme/db-2': 'hv1',
  'acme/client-1': 'hv3',
  'globex/web-1': 'hv1',
  'globex/bulk-1': 'hv2',
  'globex/lab-1': 'hv3',
  'globex/lab-2': 'hv2',
} as const;

export type Player = keyof typeof cast;

export const players = Object.keys(cast) as Player[];

/** What every guest listens on. Whether a policy lets anybody through to it is another matter. */
export const listening = {
  tcpEcho: [22, 23, 25, 5432, 8080, 9187],
  tcpDigest: [8081],
  udpEcho: [53, 8080],
} as const;

/** The tenant and the name of a VM. */
export function idOf(player: string): { readonly tenant: string; readonly vm: string } {
  const [tenant = '', vm = ''] = player.split('/');
  return { tenant, vm };
}
