import type { Match } from '../model/index.ts';
import type { BodyOf } from '../openflow/index.ts';
import type { PacketIn } from './events.ts';

export function packetInFrom(body: BodyOf<'OFPT_PACKET_IN'>): PacketIn {
  const { reason, table_id: tableId, cookie, match: metadata, data } = body;
  return { reason: String(reason), tableId, cookie, metadata, data, userdata: undefined };
}

/** The properties of NXT_PACKET_IN2 (`nicira-ext.h`); what is absent has its default. */
interface Property {
  readonly type: string | number;
  readonly data?: Uint8Array;
  readonly table_id?: number;
  readonly cookie?: bigint;
  readonly reason?: string | number;
  readonly match?: Match;
}

export function packetIn2From(properties: readonly Property[]): PacketIn {
  const one = (type: string): Property | undefined => properties.find((property) => property.type === type);
  return {
    reason: String(one('NXPINT_REASON')?.reason ?? 'OFPR_NO_MATCH'),
    tableId: one('NXPINT_TABLE_ID')?.table_id ?? 0,
    cookie: one('NXPINT_COOKIE')?.cookie ?? 0xffff_ffff_ffff_ffffn,
    metadata: one('NXPINT_METADATA')?.match ?? [],
    data: one('NXPINT_PACKET')?.data ?? new Uint8Array(),
    userdata: one('NXPINT_USERDATA')?.data,
  };
}
