import { formatAddress, formatMac } from '../../../src/base/addresses.ts';
import { isOpaque } from '../../../flows/model/index.ts';
import type { Action, FieldMatch, FieldName, Flow, Instruction, Subfield } from '../../../flows/model/index.ts';

/** A flow as `ovs-ofctl ofp-print` writes it: written from ovs-fields(7) and ovs-actions(7), without the codec. */

type Form = 'hex' | 'decimal' | 'mac' | 'ipv4' | 'ipv6' | 'port' | 'ct_state';

interface Rendering {
  /** In a match. */
  readonly match: string;
  /** In an action. */
  readonly action: string;
  readonly form: Form;
}

const same = (name: string, form: Form): Rendering => ({ match: name, action: name, form });
const named = (match: string, action: string, form: Form): Rendering => ({ match, action, form });

const renderings: Partial<Record<FieldName, Rendering>> = {
  in_port: named('in_port', 'in_port_oxm', 'port'),
  metadata: same('metadata', 'hex'),
  conj_id: same('conj_id', 'decimal'),
  pkt_mark: same('pkt_mark', 'hex'),
  ct_state: same('ct_state', 'ct_state'),
  ct_zone: same('ct_zone', 'decimal'),
  ct_mark: same('ct_mark', 'hex'),
  ct_label: same('ct_label', 'hex'),
  ct_nw_src: same('ct_nw_src', 'ipv4'),
  ct_nw_dst: same('ct_nw_dst', 'ipv4'),
  ct_ipv6_src: same('ct_ipv6_src', 'ipv6'),
  ct_ipv6_dst: same('ct_ipv6_dst', 'ipv6'),
  ct_nw_proto: same('ct_nw_proto', 'decimal'),
  ct_tp_src: same('ct_tp_src', 'decimal'),
  ct_tp_dst: same('ct_tp_dst', 'decimal'),
  tunnel_id: same('tun_id', 'hex'),
  tun_src: same('tun_src', 'ipv4'),
  tun_dst: same('tun_dst', 'ipv4'),
  eth_src: named('dl_src', 'eth_src', 'mac'),
  eth_dst: named('dl_dst', 'eth_dst', 'mac'),
  ipv4_src: named('nw_src', 'ip_src', 'ipv4'),
  ipv4_dst: named('nw_dst', 'ip_dst', 'ipv4'),
  ipv6_src: same('ipv6_src', 'ipv6'),
  ipv6_dst: same('ipv6_dst', 'ipv6'),
  ip_ttl: same('nw_ttl', 'decimal'),
  ip_ecn: same('nw_ecn', 'decimal'),
  tcp_src: named('tp_src', 'tcp_src', 'decimal'),
  tcp_dst: named('tp_dst', 'tcp_dst', 'decimal'),
  udp_src: named('tp_src', 'udp_src', 'decimal'),
  udp_dst: named('tp_dst', 'udp_dst', 'decimal'),
  sctp_dst: named('tp_dst', 'sctp_dst', 'decimal'),
  icmpv4_type: same('icmp_type', 'decimal'),
  icmpv4_code: same('icmp_code', 'decimal'),
  icmpv6_type: same('icmp_type', 'decimal'),
  arp_op: same('arp_op', 'decimal'),
  arp_spa: same('arp_spa', 'ipv4'),
  arp_tpa: same('arp_tpa', 'ipv4'),
  arp_sha: same('arp_sha', 'mac'),
  arp_tha: same('arp_tha', 'mac'),
  nd_target: same('nd_target', 'ipv6'),
  nd_sll: same('nd_sll', 'mac'),
};

function renderingOf(field: FieldName): Rendering {
  if (/^x{0,2}reg\d+$/.test(field)) return same(field, 'hex');
  const rendering = renderings[field];
  if (!rendering) throw new Error(`no rendering of ${field}`);
  return rendering;
}

const ctStates = ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'];

function ones(mask: bigint, bits: number): number | undefined {
  for (let length = 0; length <= bits; length++) if (mask === ((1n << BigInt(length)) - 1n) << BigInt(bits - length)) return length;
  return undefined;
}

function addressText(value: bigint, mask: bigint | undefined, family: 4 | 6): string {
  const bits = family === 4 ? 32 : 128;
  const text = formatAddress({ family, value });
  if (mask === undefined) return text;
  const length = ones(mask, bits);
  if (length === bits) return text;
  return `${text}/${length ?? formatAddress({ family, value: mask })}`;
}

function valueText(value: number | bigint, mask: number | bigint | undefined, form: Form): string {
  const wide = mask === undefined ? undefined : BigInt(mask);
  switch (form) {
    case 'hex':
      return `${hex(value)}${mask === undefined ? '' : `/${hex(mask)}`}`;
    case 'decimal':
      return mask === undefined ? `${value}` : `${hex(value)}/${hex(mask)}`;
    case 'mac':
      return `${formatMac(Number(value))}${mask === undefined || Number(mask) === 0xffff_ffff_ffff ? '' : `/${formatMac(Number(mask))}`}`;
    case 'ipv4':
      return addressText(BigInt(value), wide, 4);
    case 'ipv6':
      return addressText(BigInt(value), wide, 6);
    case 'port':
      return `${value}`;
    case 'ct_state':
      return ctStates
        .map((name, bit) => (((Number(mask) >> bit) & 1) === 0 ? '' : `${((Number(value) >> bit) & 1) === 1 ? '+' : '-'}${name}`))
        .join('');
  }
}

/** Open vSwitch writes a number with `%#x`: nothing before a zero. */
function hex(value: number | bigint): string {
  return value === 0 || value === 0n ? '0' : `0x${value.toString(16)}`;
}

const protocols: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp', 132: 'sctp' };

/** `tcp6`, `arp`, … stand for the conditions on Ethernet's and IP's type. */
function protocolText(ethType: number | undefined, protocol: number | undefined): string[] {
  if (ethType === undefined) return [];
  const v6 = ethType === 0x86dd;
  if (ethType === 0x806) return ['arp'];
  if (ethType !== 0x800 && !v6) return [`dl_type=0x${ethType.toString(16).padStart(4, '0')}`];
  if (protocol === undefined) return [v6 ? 'ipv6' : 'ip'];
  const name = protocols[protocol];
  return name === undefined ? [v6 ? 'ipv6' : 'ip', `nw_proto=${protocol}`] : [v6 ? `${name}6` : name];
}

/** Registers are written as 32 bits each, whatever they were matched as. */
function registerParts(condition: FieldMatch): string[] {
  const words = condition.field.startsWith('xx') ? 4 : condition.field.startsWith('x') ? 2 : 1;
  const first = Number(/\d+/.exec(condition.field)?.[0]) * words;
  const parts: string[] = [];
  for (let word = 0; word < words; word++) {
    const shift = BigInt((words - 1 - word) * 32);
    const value = BigInt.asUintN(32, BigInt(condition.value) >> shift);
    const mask = condition.mask === undefined ? 0xffff_ffffn : BigInt.asUintN(32, BigInt(condition.mask) >> shift);
    if (mask !== 0n) parts.push(`reg${first + word}=${hex(value)}${mask === 0xffff_ffffn ? '' : `/${hex(mask)}`}`);
  }
  return parts;
}

function number(flow: Flow, field: FieldName): number | undefined {
  const found = flow.match.find((condition) => condition.field === field);
  return found && !isOpaque(found) ? Number(found.value) : undefined;
}

/** The parts of a match, in no order. */
export function matchParts(flow: Flow): readonly string[] {
  const parts = protocolText(number(flow, 'eth_type'), number(flow, 'ip_proto'));
  for (const condition of flow.match) {
    if (isOpaque(condition)) throw new Error('an opaque condition has no rendering');
    if (condition.field === 'eth_type' || condition.field === 'ip_proto') continue;
    if (condition.field === 'ip_dscp') parts.push(`nw_tos=${Number(condition.value) * 4}`);
    else if (/^x{0,2}reg\d+$/.test(condition.field)) parts.push(...registerParts(condition));
    else {
      const { match, form } = renderingOf(condition.field);
      parts.push(`${match}=${valueText(condition.value, condition.mask, form)}`);
    }
  }
  if (flow.priority !== 0x8000) parts.push(`priority=${flow.priority}`);
  return parts.toSorted();
}

const nxmNames: Partial<Record<FieldName, string>> = {
  ct_mark: 'NXM_NX_CT_MARK',
  ct_label: 'NXM_NX_CT_LABEL',
  tunnel_id: 'NXM_NX_TUN_ID',
  metadata: 'OXM_OF_METADATA',
};

function subfieldText({ field, offset, bits }: Subfield, width: number): string {
  const name = nxmNames[field] ?? `NXM_NX_${field.toUpperCase()}`;
  if (bits === width) return `${name}[]`;
  return bits === 1 ? `${name}[${offset}]` : `${name}[${offset}..${offset + bits - 1}]`;
}

function actionText(action: Action): string {
  switch (action.kind) {
    case 'output':
      return `output:${action.port}`;
    case 'group':
      return `group:${action.groupId}`;
    case 'set_queue':
      return `set_queue:${action.queueId}`;
    case 'set_field': {
      const { action: name, form } = renderingOf(action.field);
      return `set_field:${valueText(action.value, action.mask, form)}->${name}`;
    }
    case 'dec_nw_ttl':
      return 'dec_ttl';
    case 'ct_clear':
      return 'ct_clear';
    case 'resubmit':
      return action.table === undefined
        ? `resubmit:${action.inPort}`
        : `resubmit(${action.inPort ?? ''},${action.table}${action.ct === true ? ',ct' : ''})`;
    case 'conjunction':
      return `conjunction(${action.id},${action.clause + 1}/${action.clauses})`;
    case 'reg_move':
      return `move:${subfieldText(action.src, 32)}->${subfieldText(action.dst, 32)}`;
    case 'reg_load':
      return `load:${hex(action.value)}->${subfieldText(action.dst, 32)}`;
    case 'clone':
      return `clone(${actionsText(action.actions)})`;
    case 'note':
      return `note:${action.note.replace(/(..)(?=.)/g, '$1.')}`;
    case 'check_pkt_larger':
      return `check_pkt_larger(${action.pktLen})->NXM_NX_${action.dst.field.toUpperCase()}[${action.offset}]`;
    case 'stack_push':
      return `push:${subfieldText(action.subfield, 32)}`;
    case 'stack_pop':
      return `pop:${subfieldText(action.subfield, 32)}`;
    case 'output_trunc':
      return `output(port=${action.port},max_len=${action.maxLen})`;
    case 'ct': {
      const parts = [
        ...(action.commit === true ? ['commit'] : []),
        ...(action.force === true ? ['force'] : []),
        ...(action.table === undefined ? [] : [`table=${action.table}`]),
        ...(action.zone === undefined ? [] : [`zone=${typeof action.zone === 'number' ? action.zone : subfieldText(action.zone, 32)}`]),
        ...(action.actions.length === 0 ? [] : [`exec(${actionsText(action.actions)})`]),
        ...(action.alg === 21 ? ['alg=ftp'] : []),
      ];
      return parts.length === 0 ? 'ct' : `ct(${parts.join(',')})`;
    }
    default:
      throw new Error(`no rendering of ${action.kind}`);
  }
}

function actionsText(actions: readonly Action[]): string {
  return actions.map(actionText).join(',');
}

function instructionText(instruction: Instruction): string {
  switch (instruction.kind) {
    case 'meter':
      return `meter:${instruction.meterId}`;
    case 'apply_actions':
      return actionsText(instruction.actions);
    case 'clear_actions':
      return 'clear_actions';
    case 'write_actions':
      return `write_actions(${actionsText(instruction.actions)})`;
    case 'write_metadata':
      return `write_metadata:${hex(instruction.metadata)}/${hex(instruction.mask)}`;
    case 'goto_table':
      return `goto_table:${instruction.tableId}`;
    case 'unknown':
      throw new Error('an unknown instruction has no rendering');
  }
}

const order: readonly Instruction['kind'][] = ['meter', 'apply_actions', 'clear_actions', 'write_actions', 'write_metadata', 'goto_table'];

/** Everything behind `actions=`. */
export function instructionsText(flow: Flow): string {
  const texts = flow.instructions.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)).map(instructionText);
  return texts.filter((text) => text !== '').join(',') || 'drop';
}
