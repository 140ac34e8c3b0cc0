import { WeirError } from '../../src/base/errors.ts';
import type { Learn, LearnSource, LearnSpec, LearnTarget, WholeField } from '../model/action.ts';
import { decodeHeader, encodeHeader } from './oxm.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/**
 * Nicira's `learn` (`struct nx_action_learn`, `nx_action_learn2` in Open vSwitch `ofp-actions.c`): a fixed part and then
 * specifications, each a 16-bit header (bit 13 immediate source, bits 11-12 target, bits 0-9 width), source and target. A header
 * of zero ends them. Offsets count from behind the subtype.
 */
const immediateBit = 1 << 13;
const targetShift = 11;
const bitsMask = 0x3ff;
const targets = ['match', 'load', 'output'] as const;
const writesResult = 4;

/** Immediates are right-aligned in whole 16-bit words. */
const immediateBytes = (bits: number): number => Math.ceil(bits / 16) * 2;

function decodeSpec(reader: Reader, header: number): LearnSpec | undefined {
  const bits = header & bitsMask;
  const targetKind = targets[(header >> targetShift) & 3];
  if (targetKind === undefined || (header & ~(immediateBit | bitsMask | (3 << targetShift))) !== 0) return undefined;
  let source: LearnSource;
  if ((header & immediateBit) !== 0) source = { kind: 'immediate', value: reader.big(immediateBytes(bits)) };
  else {
    const src = decodeHeader(reader);
    if (!src) return undefined;
    source = { kind: 'field', src, offset: reader.u16() };
  }
  let target: LearnTarget = { kind: 'output' };
  if (targetKind !== 'output') {
    const dst = decodeHeader(reader);
    if (!dst) return undefined;
    target = { kind: targetKind, dst, offset: reader.u16() };
  }
  return { bits, source, target };
}

function decodeSpecs(reader: Reader): LearnSpec[] | undefined {
  const specs: LearnSpec[] = [];
  while (reader.left >= 2) {
    const header = reader.u16();
    if (header === 0) break;
    const spec = decodeSpec(reader, header);
    if (!spec) return undefined;
    specs.push(spec);
  }
  reader.skip(reader.left);
  return specs;
}

export function decodeLearn(reader: Reader, form: 1 | 2): Learn | undefined {
  const fixed = {
    idleTimeout: reader.u16(),
    hardTimeout: reader.u16(),
    priority: reader.u16(),
    cookie: reader.u64(),
    flags: reader.u16(),
    tableId: reader.u8(),
  };
  reader.skip(1);
  const fin = { finIdleTimeout: reader.u16(), finHardTimeout: reader.u16() };
  let second: { limit: number; result?: WholeField & { offset: number } } | undefined;
  if (form === 2) {
    const limit = reader.u32();
    const offset = reader.u16();
    reader.skip(2);
    const result = (fixed.flags & writesResult) !== 0 ? decodeHeader(reader) : undefined;
    if ((fixed.flags & writesResult) !== 0 && !result) return undefined;
    second = { limit, ...(result && { result: { ...result, offset } }) };
  }
  const specs = decodeSpecs(reader);
  return specs && { kind: 'learn', ...fixed, ...fin, ...second, specs };
}

function encodeSpec(writer: Writer, spec: LearnSpec): void {
  const { bits, source, target } = spec;
  if (bits === 0 || bits > bitsMask) throw new WeirError('malformed', `a learn specification of ${bits} bits`);
  writer.u16((source.kind === 'immediate' ? immediateBit : 0) | (targets.indexOf(target.kind) << targetShift) | bits);
  if (source.kind === 'immediate') writer.big(source.value, immediateBytes(bits));
  else {
    encodeHeader(writer, source.src.field, source.src.bytes);
    writer.u16(source.offset);
  }
  if (target.kind !== 'output') {
    encodeHeader(writer, target.dst.field, target.dst.bytes);
    writer.u16(target.offset);
  }
}

export function encodeLearn(writer: Writer, learn: Learn): void {
  const second = learn.limit !== undefined || learn.result !== undefined;
  writer.u16(second ? 45 : 16);
  writer.u16(learn.idleTimeout);
  writer.u16(learn.hardTimeout);
  writer.u16(learn.priority);
  writer.u64(learn.cookie);
  writer.u16(learn.flags);
  writer.u8(learn.tableId);
  writer.u8(0);
  writer.u16(learn.finIdleTimeout);
  writer.u16(learn.finHardTimeout);
  if (second) {
    writer.u32(learn.limit ?? 0);
    writer.u16(learn.result?.offset ?? 0);
    writer.u16(0);
    if (learn.result) encodeHeader(writer, learn.result.field, learn.result.bytes);
  }
  for (const spec of learn.specs) encodeSpec(writer, spec);
}
