import type { TunnelElement } from '../../policies/compiled.ts';
import type { Address } from '../../src/base/addresses.ts';
import type { Action } from '../model/index.ts';
import { flags, registers } from '../pipeline/index.ts';
import { apply, copy, equals, flow, goto, raise, set, valueOf, whole } from './build.ts';
import type { FlowDraft } from './build.ts';

/**
 * A tunnel's destination is set in the pass that sends the packet: `ofproto/trace` takes one that was there before a
 * recirculation for the packet's own, and refuses to send it back (xlate_actions, `orig_tunnel_ipv6_dst`). Until then
 * `destination` names the host.
 */
export const nameHost = (encap: Address): Action => set(registers.destination, hostKey(encap));

/** 64 bits that stand for a tunnel address: an IPv4 address is its own; of an IPv6 address a hash (FNV-1a) above all those. */
export function hostKey(encap: Address): bigint {
  if (encap.family === 4) return encap.value;
  let hash = 0xcbf29ce484222325n;
  for (let shift = 120n; shift >= 0n; shift -= 8n) hash = BigInt.asUintN(64, (hash ^ ((encap.value >> shift) & 0xffn)) * 0x100000001b3n);
  return hash | (1n << 63n);
}

/** Another host: VXLAN packets are taken from it, and those for it know where to go. */
export function tunnelFlows(element: TunnelElement): readonly FlowDraft[] {
  const { encap } = element;
  const [source, destination] = encap.family === 4 ? (['tun_src', 'tun_dst'] as const) : (['tun_ipv6_src', 'tun_ipv6_dst'] as const);
  return [
    flow('tunnelSource', 10, [equals(source, valueOf(encap))], raise(flags.tunnel), goto('tunnelNetwork')),
    flow(
      'encap',
      10,
      [equals(registers.destination, hostKey(encap))],
      apply(
        set(destination, valueOf(encap)),
        set(registers.destination, 0n),
        copy(whole(registers.network, 32), whole(registers.destination, 32)),
      ),
      goto('tunnel'),
    ),
  ];
}
