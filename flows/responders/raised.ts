import { isOpaque } from '../model/index.ts';
import type { Match } from '../model/index.ts';
import { decidingRuleMask, flags, registers, tables, tenantOfView } from '../pipeline/index.ts';
import type { PacketIn } from '../session/index.ts';

/** A packet that a flow of ours sent up, and what the pipeline knew of it at that moment. */
export interface Raised {
  readonly kind: 'reject' | 'log';
  /** Number of the tenant whose rules were asked. */
  readonly tenant: number;
  /** Of the local interface under judgement. */
  readonly zone: number;
  /** Number of the rule that decided. */
  readonly rule: number;
  /** It was on its way into the local interface; else it was leaving it. */
  readonly entering: boolean;
  /** It was sent to the gateway; its MACs are the router's by now. Known of leaving packets only. */
  readonly routed: boolean;
  /** The frame, perhaps cut. A view of what was received. */
  readonly frame: Uint8Array;
}

const kinds: ReadonlyMap<number, Raised['kind']> = new Map([
  [tables.reject.id, 'reject'],
  [tables.log.id, 'log'],
]);

/** Undefined for a packet that none of these flows sent, or without the registers that they leave. */
export function raisedBy({ tableId, metadata, data }: PacketIn): Raised | undefined {
  const kind = kinds.get(tableId);
  const fields = numbersOf(metadata);
  const tenant = fields.get(registers.tenant);
  const zone = fields.get(registers.zone);
  const carried = fields.get('metadata');
  if (kind === undefined || tenant === undefined || zone === undefined || carried === undefined) return undefined;
  return {
    kind,
    tenant: tenantOfView(Number(tenant)),
    zone: Number(zone),
    rule: Number(carried & decidingRuleMask),
    entering: (carried & flags.entering) !== 0n,
    routed: (carried & flags.routed) !== 0n,
    frame: data,
  };
}

/** Registers go by several names on the wire: two of 32 bits may come as one of 64, four as one of 128. */
function numbersOf(metadata: Match): ReadonlyMap<string, bigint> {
  const numbers = new Map<string, bigint>();
  for (const condition of metadata) {
    if (isOpaque(condition)) continue;
    const { field, value } = condition;
    numbers.set(field, BigInt(value));
    const wide = /^(x+)reg(\d+)$/.exec(field);
    if (!wide) continue;
    const words = wide[1] === 'x' ? 2 : 4;
    const first = Number(wide[2]) * words;
    for (let word = 0; word < words; word++)
      numbers.set(`reg${first + word}`, (BigInt(value) >> BigInt(32 * (words - 1 - word))) & 0xffff_ffffn);
  }
  return numbers;
}
