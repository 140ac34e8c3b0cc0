import type { InterfaceElement } from '../../policies/compiled.ts';
import type { PacketOut } from '../openflow/index.ts';
import { flags, gatewayMac, registers, tables } from '../pipeline/index.ts';
import { readPacket } from './packet.ts';
import type { Raised } from './raised.ts';
import { refusalOf } from './refusal.ts';

/**
 * The answer to a rejected packet, and its way. What was leaving is answered straight into the port that it came from. What was
 * entering is answered as if the local interface had sent it: through the router and the tunnel as any packet, but judged by nobody on this
 * side; the sender's side judges it as what it is, a reply or an error related to the connection that it let out.
 *
 * Undefined when no answer may be sent.
 * @throws DecodeError when the packet cannot be read
 */
export function answerTo(raised: Raised, { zone, vni, mac }: Pick<InterfaceElement, 'zone' | 'vni' | 'mac'>): PacketOut | undefined {
  const packet = readPacket(raised.frame);
  const { ethSource, ethDestination } = packet;
  const ends = raised.entering
    ? { ethSource: mac, ethDestination: ethSource }
    : { ethSource: raised.routed ? gatewayMac(vni) : ethDestination, ethDestination: mac };
  const data = refusalOf(packet, ends);
  if (data === undefined) return undefined;
  const place = { kind: 'set_field', field: registers.zone, value: zone } as const;
  const way = raised.entering
    ? ([
        { kind: 'set_field', field: 'metadata', value: flags.answer },
        { kind: 'resubmit', table: tables.local.id },
      ] as const)
    : ([{ kind: 'resubmit', table: tables.output.id }] as const);
  return { actions: [place, ...way], data };
}
