import { DecodeError } from '../../src/base/errors.ts';
import type { Action } from '../model/action.ts';
import type { Instruction } from '../model/instruction.ts';
import { actionsShape, decodeActions, encodeActions } from './action.ts';
import { bigOf, hexOf, integerOf, malformed, objectOf } from './shape.ts';
import type { Json, Reader, Shape } from './shape.ts';
import type { Writer } from './writer.ts';

/**
 * Instructions (OpenFlow 1.5.1 section 7.2.5). On 1.5 a meter is the first action of apply-actions instead of an instruction:
 * there the first `meter` action of the only apply-actions becomes the instruction before it, and back.
 */
const applyType = 4;

/** An instruction whose length is not that of its type is kept as bytes. */
function decodeInstruction(reader: Reader): Instruction {
  const start = reader.offset;
  const type = reader.u16();
  const length = reader.u16();
  if (length < 4) throw new DecodeError('bad_instruction_length', start, `an instruction has ${length} bytes`);
  const outer = reader.narrow(start, length);
  const instruction = decodeContents(reader, type, length);
  if (instruction === undefined) reader.offset = start;
  const decoded = instruction ?? { kind: 'unknown', bytes: reader.hex(length) };
  reader.widen(outer);
  return decoded;
}

function decodeContents(reader: Reader, type: number, length: number): Instruction | undefined {
  if (type === 1 && length === 8) return { kind: 'goto_table', tableId: reader.u8() };
  if (type === 2 && length === 24) {
    reader.skip(4);
    return { kind: 'write_metadata', metadata: reader.u64(), mask: reader.u64() };
  }
  if (type === 3 || type === applyType) {
    reader.skip(4);
    const actions = decodeActions(reader);
    return { kind: type === 3 ? 'write_actions' : 'apply_actions', actions };
  }
  if (type === 5 && length === 8) return { kind: 'clear_actions' };
  if (type === 6 && length === 8 && reader.version < 6) return { kind: 'meter', meterId: reader.u32() };
  return undefined;
}

/** The meter of the only apply-actions comes out; two of them would not tell which one it was in. */
function takeMeterOut(instructions: readonly Instruction[]): readonly Instruction[] {
  const at = instructions.findIndex((instruction) => instruction.kind === 'apply_actions');
  const apply = instructions[at];
  if (apply?.kind !== 'apply_actions' || instructions.findLastIndex((instruction) => instruction.kind === 'apply_actions') !== at)
    return instructions;
  const [first, ...others] = apply.actions;
  if (first?.kind !== 'meter') return instructions;
  const meter: Instruction = { kind: 'meter', meterId: first.meterId };
  return [
    ...instructions.slice(0, at),
    meter,
    ...(others.length > 0 ? [{ kind: 'apply_actions', actions: others } as const] : []),
    ...instructions.slice(at + 1),
  ];
}

export function decodeInstructions(reader: Reader): readonly Instruction[] {
  const instructions: Instruction[] = [];
  while (reader.left > 0) instructions.push(decodeInstruction(reader));
  return reader.version >= 6 ? takeMeterOut(instructions) : instructions;
}

function encodeActionList(writer: Writer, type: number, actions: readonly Action[]): void {
  const start = writer.length;
  writer.u16(type);
  writer.u16(0);
  writer.u32(0);
  encodeActions(writer, actions);
  writer.patch16(start + 2, writer.length - start);
}

function encodeInstruction(writer: Writer, instruction: Instruction): void {
  switch (instruction.kind) {
    case 'goto_table':
      writer.u32((1 << 16) | 8);
      writer.u32((instruction.tableId << 24) >>> 0);
      break;
    case 'write_metadata':
      writer.u32((2 << 16) | 24);
      writer.u32(0);
      writer.u64(instruction.metadata);
      writer.u64(instruction.mask);
      break;
    case 'write_actions':
      encodeActionList(writer, 3, instruction.actions);
      break;
    case 'apply_actions':
      encodeActionList(writer, applyType, instruction.actions);
      break;
    case 'clear_actions':
      writer.u32((5 << 16) | 8);
      writer.u32(0);
      break;
    case 'meter':
      writer.u32((6 << 16) | 8);
      writer.u32(instruction.meterId);
      break;
    case 'unknown':
      writer.hex(instruction.bytes);
  }
}

function putMeterIn(instructions: readonly Instruction[]): readonly Instruction[] {
  const meters: Action[] = [];
  for (const instruction of instructions) if (instruction.kind === 'meter') meters.push(instruction);
  if (meters.length === 0) return instructions;
  const apply = instructions.find((instruction) => instruction.kind === 'apply_actions');
  const whole: Instruction = { kind: 'apply_actions', actions: apply?.kind === 'apply_actions' ? [...meters, ...apply.actions] : meters };
  const place = apply ?? instructions.find((instruction) => instruction.kind === 'meter');
  return instructions
    .filter((instruction) => instruction === place || instruction.kind !== 'meter')
    .map((instruction) => (instruction === place ? whole : instruction));
}

export function encodeInstructions(writer: Writer, instructions: readonly Instruction[]): void {
  const sent = writer.version >= 6 ? putMeterIn(instructions) : instructions;
  for (const instruction of sent) encodeInstruction(writer, instruction);
}

function toJson(instruction: Instruction, version: number): Json {
  switch (instruction.kind) {
    case 'goto_table':
      return { kind: instruction.kind, table_id: instruction.tableId };
    case 'write_metadata':
      return { kind: instruction.kind, metadata: `0x${instruction.metadata.toString(16)}`, mask: `0x${instruction.mask.toString(16)}` };
    case 'write_actions':
    case 'apply_actions':
      return { kind: instruction.kind, actions: actionsShape.toJson(instruction.actions, version) };
    case 'clear_actions':
      return { kind: instruction.kind };
    case 'meter':
      return { kind: instruction.kind, meter_id: instruction.meterId };
    case 'unknown':
      return { kind: instruction.kind, bytes: instruction.bytes };
  }
}

function fromJson(json: unknown, path: string, version: number): Instruction {
  const given = objectOf(json, path);
  const { kind } = given;
  switch (kind) {
    case 'goto_table':
      return { kind, tableId: integerOf(given['table_id'], `${path}/table_id`, 0xff) };
    case 'write_metadata':
      return { kind, metadata: bigOf(given['metadata'], `${path}/metadata`, 64), mask: bigOf(given['mask'], `${path}/mask`, 64) };
    case 'write_actions':
    case 'apply_actions':
      return { kind, actions: actionsShape.fromJson(given['actions'], `${path}/actions`, version) };
    case 'clear_actions':
      return { kind };
    case 'meter':
      return { kind, meterId: integerOf(given['meter_id'], `${path}/meter_id`, 0xffffffff) };
    case 'unknown':
      return { kind, bytes: hexOf(given['bytes'], `${path}/bytes`) };
    default:
      throw malformed(`${path}/kind`, 'names no instruction');
  }
}

/** Instructions up to the end. */
export const instructionsShape: Shape<readonly Instruction[]> = {
  decode: decodeInstructions,
  encode: encodeInstructions,
  toJson: (instructions, version) => instructions.map((instruction) => toJson(instruction, version)),
  fromJson: (json, path, version) => {
    if (!Array.isArray(json)) throw malformed(path, 'must be a list of instructions');
    return json.map((instruction, index) => fromJson(instruction, `${path}/${index}`, version));
  },
};
