import { formatAddress, formatMac } from '../../src/base/addresses.ts';
import { fieldOf, isOpaque, reservedPort } from '../model/index.ts';
import type { Action, FieldName, Instruction, Match, MatchField, Subfield } from '../model/index.ts';
import { tableNames, tables } from './tables.ts';
import type { TableName } from './tables.ts';

/** Flows for people: as `ovs-ofctl dump-flows` writes them, but with the names of our tables. */

const namesById = new Map<number, TableName>(tableNames.map((name) => [tables[name].id, name]));

/** The number itself for a table that is none of the pipeline's. */
export const tableNameOf = (id: number): string => namesById.get(id) ?? String(id);

/** What stands for a kind of packet. */
const kinds: Readonly<Record<string, string>> = {
  '2048': 'ip',
  '2054': 'arp',
  '34525': 'ipv6',
  '2048/1': 'icmp',
  '2048/6': 'tcp',
  '2048/17': 'udp',
  '2048/132': 'sctp',
  '34525/58': 'icmp6',
  '34525/6': 'tcp6',
  '34525/17': 'udp6',
  '34525/132': 'sctp6',
};

const names: Partial<Record<FieldName, string>> = {
  tunnel_id: 'tun_id',
  eth_src: 'dl_src',
  eth_dst: 'dl_dst',
  ipv4_src: 'nw_src',
  ipv4_dst: 'nw_dst',
  icmpv4_type: 'icmp_type',
  icmpv4_code: 'icmp_code',
  icmpv6_type: 'icmp_type',
  icmpv6_code: 'icmp_code',
};
const nameOf = (field: FieldName): string => names[field] ?? field;

const connectionBits = ['new', 'est', 'rel', 'rpl', 'inv', 'trk'];

/** `ip,reg1=0x4,nw_dst=10.0.0.0/24`; empty for a flow that matches everything. */
export function matchText(match: Match): string {
  const exact = (name: FieldName): number | undefined => {
    const found = match.find((condition) => condition.field === name);
    return found === undefined || isOpaque(found) || found.mask !== undefined ? undefined : Number(found.value);
  };
  const ethType = exact('eth_type');
  const protocol = exact('ip_proto');
  const both = ethType !== undefined && protocol !== undefined ? kinds[`${ethType}/${protocol}`] : undefined;
  const kind = both ?? (ethType === undefined ? undefined : kinds[String(ethType)]);
  const named = new Set<string>(kind === undefined ? [] : both === undefined ? ['eth_type'] : ['eth_type', 'ip_proto']);
  const rest = match.filter(({ field }) => !named.has(field)).map(conditionText);
  return [...(kind === undefined ? [] : [kind]), ...rest].join();
}

function conditionText(condition: MatchField): string {
  if (isOpaque(condition)) return `oxm(${condition.class},${condition.number})=${condition.bytes}`;
  const { field, value, mask } = condition;
  if (field === 'ct_state') return `ct_state=${stateText(Number(value), Number(mask ?? 0xffff))}`;
  const text = `${nameOf(field)}=${valueText(field, value)}`;
  return mask === undefined || mask === fieldOf(field).full ? text : `${text}/${maskText(field, mask)}`;
}

const stateText = (value: number, mask: number): string =>
  connectionBits.flatMap((name, bit) => ((mask >> bit) & 1 ? [`${(value >> bit) & 1 ? '+' : '-'}${name}`] : [])).join('');

const macs = new Set<FieldName>(['eth_src', 'eth_dst', 'arp_sha', 'arp_tha', 'nd_sll', 'nd_tll']);
const ipv4s = new Set<FieldName>(['ipv4_src', 'ipv4_dst', 'arp_spa', 'arp_tpa', 'tun_src', 'tun_dst', 'ct_nw_src', 'ct_nw_dst']);
const ipv6s = new Set<FieldName>(['ipv6_src', 'ipv6_dst', 'nd_target', 'tun_ipv6_src', 'tun_ipv6_dst', 'ct_ipv6_src', 'ct_ipv6_dst']);
const plain = /^(in_port|conj_id|ct_zone|ip_|tcp_|udp_|sctp_|icmp|arp_op|vlan_|ct_tp_)/;

function valueText(field: FieldName, value: number | bigint): string {
  if (macs.has(field)) return formatMac(Number(value));
  if (ipv4s.has(field)) return formatAddress({ family: 4, value: BigInt(value) });
  if (ipv6s.has(field)) return formatAddress({ family: 6, value: BigInt(value) });
  return plain.test(field) ? String(value) : `0x${value.toString(16)}`;
}

const maskText = (field: FieldName, mask: number | bigint): string =>
  macs.has(field) || ipv4s.has(field) || ipv6s.has(field) ? valueText(field, mask) : `0x${mask.toString(16)}`;

/** `set_field:0x5->reg2,goto_table:local`; `drop` for a flow that does nothing. */
export function actionsText(instructions: readonly Instruction[]): string {
  const parts = instructions.flatMap((instruction): readonly string[] => {
    switch (instruction.kind) {
      case 'goto_table':
        return [`goto_table:${tableNameOf(instruction.tableId)}`];
      case 'write_metadata':
        return [`write_metadata:0x${instruction.metadata.toString(16)}/0x${instruction.mask.toString(16)}`];
      case 'write_actions':
        return [`write_actions(${instruction.actions.map(actionText).join()})`];
      case 'apply_actions':
        return instruction.actions.map(actionText);
      case 'meter':
        return [`meter:${instruction.meterId}`];
      case 'clear_actions':
      case 'unknown':
        return [instruction.kind];
    }
  });
  return parts.length === 0 ? 'drop' : parts.join();
}

const subfieldText = ({ field, offset, bits }: Subfield): string =>
  offset === 0 && bits === fieldOf(field).widthBits ? `${nameOf(field)}[]` : `${nameOf(field)}[${offset}..${offset + bits - 1}]`;

const portNames = new Map<number, string>([
  [reservedPort.inPort, 'IN_PORT'],
  [reservedPort.controller, 'CONTROLLER'],
  [reservedPort.local, 'LOCAL'],
  [reservedPort.normal, 'NORMAL'],
  [reservedPort.flood, 'FLOOD'],
  [reservedPort.all, 'ALL'],
]);

function actionText(action: Action): string {
  switch (action.kind) {
    case 'output':
      return portNames.get(action.port) ?? `output:${action.port}`;
    case 'set_field':
      return `set_field:${valueText(action.field, action.value)}${action.mask === undefined ? '' : `/${maskText(action.field, action.mask)}`}->${nameOf(action.field)}`;
    case 'copy_field':
    case 'reg_move':
      return `move:${subfieldText(action.src)}->${subfieldText(action.dst)}`;
    case 'reg_load':
      return `load:0x${action.value.toString(16)}->${subfieldText(action.dst)}`;
    case 'resubmit':
      return `resubmit(,${action.table === undefined ? '' : tableNameOf(action.table)})`;
    case 'conjunction':
      return `conjunction(${action.id},${action.clause + 1}/${action.clauses})`;
    case 'ct':
      return `ct(${connectionText(action)})`;
    case 'clone':
      return `clone(${action.actions.map(actionText).join()})`;
    case 'group':
      return `group:${action.groupId}`;
    case 'meter':
      return `meter:${action.meterId}`;
    case 'set_nw_ttl':
      return `mod_nw_ttl:${action.ttl}`;
    case 'dec_nw_ttl':
      return 'dec_ttl';
    case 'controller':
      return `controller(max_len=${action.maxLen},id=${action.controllerId})`;
    case 'controller2':
      return `controller(${action.userdata === undefined ? '' : `userdata=${action.userdata}`}${action.meterId === undefined ? '' : `,meter_id=${action.meterId}`})`;
    default:
      return action.kind;
  }
}

function connectionText({ commit, force, zone, table, actions }: Extract<Action, { readonly kind: 'ct' }>): string {
  return [
    ...(commit === true ? ['commit'] : []),
    ...(force === true ? ['force'] : []),
    ...(table === undefined ? [] : [`table=${tableNameOf(table)}`]),
    ...(zone === undefined ? [] : [`zone=${typeof zone === 'number' ? zone : subfieldText(zone)}`]),
    ...(actions.length === 0 ? [] : [`exec(${actions.map(actionText).join()})`]),
  ].join();
}
