import type { Address } from '../../src/base/addresses.ts';
import type { Action, FieldName, FlowDraft, Instruction, MatchField, Subfield } from '../model/index.ts';
import { ctState, registers, tableNames, tables } from '../pipeline/index.ts';
import type { TableName } from '../pipeline/index.ts';

export type { FlowDraft } from '../model/index.ts';

/** Words for writing flows down: conditions, actions and where the packet goes next. */

export const equals = (field: FieldName, value: number | bigint): MatchField => ({ field, value });
export const masked = (field: FieldName, value: number | bigint, mask: number | bigint): MatchField => ({ field, value, mask });

const ethertypes = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
export const ipv4 = equals('eth_type', ethertypes.ipv4);
export const ipv6 = equals('eth_type', ethertypes.ipv6);
export const arp = equals('eth_type', ethertypes.arp);
export const ipOf = (address: Address): MatchField => (address.family === 4 ? ipv4 : ipv6);
export const bothFamilies = [ipv4, ipv6] as const;

export const ipProtocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/** An address as the value of a field: a number for IPv4, a bigint for IPv6. */
export const valueOf = (address: Pick<Address, 'family' | 'value'>): number | bigint =>
  address.family === 4 ? Number(address.value) : address.value;
export const sourceIs = (address: Address): MatchField => equals(address.family === 4 ? 'ipv4_src' : 'ipv6_src', valueOf(address));
export const destinationIs = (address: Address): MatchField => equals(address.family === 4 ? 'ipv4_dst' : 'ipv6_dst', valueOf(address));

export const flagSet = (flag: bigint): MatchField => masked('metadata', flag, flag);
export const flagClear = (flag: bigint): MatchField => masked('metadata', 0n, flag);

/** Tracked, with the wanted bits set and the unwanted ones clear. */
export function connection(wanted: number, unwanted = 0): MatchField {
  return masked('ct_state', wanted | ctState.tracked, wanted | unwanted | ctState.tracked);
}

/** NXM_NX_IP_FRAG of ovs-fields(7): bit 0 is set in any fragment, bit 1 in those behind the first. */
export const unfragmented = masked('ip_frag', 0, 3);
export const firstFragment = masked('ip_frag', 1, 3);
export const notLater = masked('ip_frag', 0, 2);
export const laterFragment = masked('ip_frag', 2, 2);

export const set = (field: FieldName, value: number | bigint): Action => ({
  kind: 'set_field',
  field,
  value,
});
export const whole = (field: FieldName, bits: number): Subfield => ({ field, offset: 0, bits });
export const copy = (src: Subfield, dst: Subfield): Action => ({ kind: 'copy_field', src, dst });
export const inZone: Subfield = { field: registers.zone, offset: 0, bits: 16 };

export const apply = (...actions: readonly Action[]): Instruction => ({
  kind: 'apply_actions',
  actions,
});
/** Made once: nearly every flow has one. */
const gotos = Object.fromEntries(tableNames.map((name) => [name, { kind: 'goto_table', tableId: tables[name].id }])) as Record<
  TableName,
  Instruction
>;

export const goto = (table: TableName): Instruction => gotos[table];
export const raise = (flag: bigint): Instruction => ({
  kind: 'write_metadata',
  metadata: flag,
  mask: flag,
});
export const writeMetadata = (metadata: bigint, mask: bigint): Instruction => ({
  kind: 'write_metadata',
  metadata,
  mask,
});

export function flow(table: TableName, priority: number, match: readonly MatchField[], ...instructions: readonly Instruction[]): FlowDraft {
  return { tableId: tables[table].id, priority, match, instructions };
}
