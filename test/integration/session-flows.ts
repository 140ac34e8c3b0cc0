import { flowKey } from '../../flows/model/index.ts';
import type { Action, Flow, Instruction, MatchField } from '../../flows/model/index.ts';
import type { Random } from '../flows/session/random.ts';

const masked = (random: Random, bits: number): { value: bigint; mask: bigint } => {
  let mask = 0n;
  for (let bit = 0; bit < bits; bit++) if (random.chance(0.3)) mask |= 1n << BigInt(bit);
  if (mask === 0n) mask = 1n;
  let value = 0n;
  for (let bit = 0; bit < bits; bit++) if (random.chance(0.5)) value |= 1n << BigInt(bit);
  return { value: value & mask, mask };
};

/** Conditions that a switch rewrites: full and partial masks, registers of every width, implied prerequisites. */
function conditions(random: Random): MatchField[] {
  const match: MatchField[] = [
    { field: 'metadata', value: BigInt(random.below(1_000_000)), ...(random.chance(0.5) && { mask: 0xffff_ffff_ffff_ffffn }) },
  ];
  if (random.chance(0.3)) match.push({ field: 'in_port', value: 1 + random.below(1000) });
  if (random.chance(0.3)) match.push({ field: 'reg3', value: random.below(1000) });
  if (random.chance(0.2)) match.push({ field: 'reg4', value: 5, mask: 0xff });
  if (random.chance(0.3)) match.push({ field: 'xxreg2', ...masked(random, 128) });
  if (random.chance(0.3)) match.push({ field: 'xreg6', ...masked(random, 64) });
  if (random.chance(0.2))
    match.push({ field: 'tunnel_id', value: BigInt(random.below(1 << 24)), ...(random.chance(0.5) && { mask: 0xff_ffffn }) });
  if (random.chance(0.2)) match.push({ field: 'eth_src', value: 0x02_00_00_00_00_00 + random.below(1 << 20) });
  if (random.chance(0.2)) match.push({ field: 'eth_dst', value: 0x01_00_00_00_00_00, mask: 0x01_00_00_00_00_00 });
  if (random.chance(0.1)) match.push({ field: 'vlan_vid', value: 0x1000 | random.below(4096), mask: 0x1fff });
  const kind = random.below(5);
  if (kind === 0)
    match.push(
      { field: 'eth_type', value: 0x806 },
      { field: 'arp_op', value: 1 },
      { field: 'arp_tpa', value: random.below(2 ** 31), mask: 0xffff_ffff },
    );
  if (kind === 1 || kind === 2) {
    match.push({ field: 'eth_type', value: 0x800 }, { field: 'ipv4_src', value: 0x0a00_0000, mask: 0xff00_0000 });
    match.push(random.chance(0.5) ? { field: 'ct_state', value: 0x21, mask: 0x23 } : { field: 'ip_dscp', value: random.below(64) });
    if (kind === 2) match.push({ field: 'ip_proto', value: 6 }, { field: 'tcp_dst', value: 0x400, mask: 0xfc00 });
  }
  if (kind === 3) {
    match.push({ field: 'eth_type', value: 0x86dd }, { field: 'ipv6_dst', value: 0x2001_0db8n << 96n, mask: 0xffff_ffffn << 96n });
    match.push(
      { field: 'ip_proto', value: 58 },
      { field: 'icmpv6_type', value: 135 },
      { field: 'nd_target', value: BigInt(random.below(1 << 30)) },
    );
  }
  if (kind === 1 && random.chance(0.5))
    match.push({ field: 'ct_state', value: 1, mask: 1 }, { field: 'ct_nw_src', value: 0x0a00_0000, mask: 0xff00_0000 });
  return match.filter((condition, index) => match.findIndex(({ field }) => field === condition.field) === index);
}

function actions(random: Random, wire: number, isIp: boolean): Action[] {
  const list: Action[] = [{ kind: 'set_field', field: 'reg5', value: random.below(1 << 30) }];
  if (wire === 6) list.push({ kind: 'set_field', field: 'reg6', value: 1, mask: 3 });
  else list.push({ kind: 'reg_load', dst: { field: 'reg6', offset: 0, bits: 2 }, value: 1n });
  if (random.chance(0.3))
    list.push({ kind: 'copy_field', src: { field: 'reg5', offset: 0, bits: 16 }, dst: { field: 'reg7', offset: 0, bits: 16 } });
  if (isIp && random.chance(0.3))
    list.push({
      kind: 'ct',
      commit: true,
      zone: { field: 'reg13', offset: 0, bits: 16 },
      actions: [{ kind: 'set_field', field: 'ct_mark', value: 1 }],
    });
  if (random.chance(0.2)) list.push({ kind: 'note', note: '010203040506' });
  if (random.chance(0.3)) list.push({ kind: 'resubmit', table: 100 });
  if (random.chance(0.3)) list.push({ kind: 'output', port: 1 + random.below(100) });
  return list;
}

function instructions(random: Random, wire: number, isIp: boolean): Instruction[] {
  const kind = random.below(4);
  if (kind === 0) return [];
  if (kind === 1) return [{ kind: 'goto_table', tableId: 200 }];
  if (kind === 2) return [{ kind: 'apply_actions', actions: actions(random, wire, isIp) }];
  return [
    { kind: 'apply_actions', actions: actions(random, wire, isIp) },
    { kind: 'write_metadata', metadata: 5n, mask: 0xffn },
    { kind: 'goto_table', tableId: 200 },
  ];
}

/** `count` flows with distinct keys, in the forms that Open vSwitch is known to give back in another spelling. */
export function randomFlows(count: number, random: Random, wire: number): Flow[] {
  const flows = new Map<string, Flow>();
  while (flows.size < count) {
    const match = conditions(random);
    const isIp = match.some(({ field, ...condition }) => field === 'eth_type' && 'value' in condition && condition.value !== 0x806);
    const flow: Flow = {
      tableId: random.below(100),
      priority: random.below(0xffff),
      cookie: BigInt(1 + random.below(1 << 30)) << 20n,
      match,
      instructions: instructions(random, wire, isIp),
    };
    flows.set(flowKey(flow), flow);
  }
  return [...flows.values()];
}
