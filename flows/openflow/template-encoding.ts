import type { FilledTemplate, FlowTemplate } from '../model/flow-template.ts';
import { stencilOf } from '../model/stencil.ts';
import type { Opening } from '../model/stencil.ts';
import { encodeInstructions } from './instruction.ts';
import { encodeMatch } from './oxm.ts';
import { Writer } from './writer.ts';

/** Match and instructions of a template as they stand in a flow-mod. */
interface Encoding {
  readonly bytes: Uint8Array;
  readonly openings: readonly Opening[];
}

/** By version. */
const encodings: Map<FlowTemplate, Encoding>[] = [];

/** The bytes of `encodeMatch` and `encodeInstructions`. */
export function encodeFilled(writer: Writer, { template, values }: FilledTemplate): void {
  const ofVersion = (encodings[writer.version] ??= new Map());
  let encoding = ofVersion.get(template);
  if (!encoding) ofVersion.set(template, (encoding = encodingOf(template, writer.version)));
  const start = writer.length;
  writer.raw(encoding.bytes);
  const end = writer.length;
  for (const { at, parameter, bits } of encoding.openings) {
    writer.length = start + at;
    const value = values[parameter] ?? 0;
    if (typeof value === 'number') writeNumber(writer, bits, value);
    else if (bits === 64) writer.u64(value);
    else writer.u128(value);
  }
  writer.length = end;
}

function writeNumber(writer: Writer, bits: Opening['bits'], value: number): void {
  if (bits === 32) writer.u32(value);
  else if (bits === 48) writer.u48(value);
  else writer.u16(value);
}

function encodingOf(template: FlowTemplate, version: number): Encoding {
  const scratch = new Writer();
  scratch.version = version;
  const { units, openings } = stencilOf(template.widths, 8, (values) => {
    const { match, instructions } = template.write(values);
    scratch.reset();
    encodeMatch(scratch, match);
    encodeInstructions(scratch, instructions);
    return [...scratch.written()];
  });
  return { bytes: Uint8Array.from(units), openings };
}
