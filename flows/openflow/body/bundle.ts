import { DecodeError } from '../../../src/base/errors.ts';
import { bundleControlTypes, bundleFlags } from '../names.ts';
import { flags, names, u32, u64 } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { field, list, pad, property, structure, variant } from '../structure.ts';

/** Bundles (OpenFlow 1.5.1 section 7.3.9), the same natively and in ONF's extension for 1.3. */

const bundleProperties = list(
  property({ OFPBPT_TIME: variant(1, structure(pad(4), field('seconds', u64), field('nanoseconds', u32), pad(4))) }),
);

export const bundleControl = structure(
  field('bundle_id', u32),
  field('type', names(16, bundleControlTypes)),
  field('flags', flags(16, bundleFlags)),
  field('properties', bundleProperties),
);

/** A whole message by its own length; what follows it is aligned to 8 bytes when there is any. */
export function framed<M>(message: Shape<M>): Shape<M> {
  return {
    ...message,
    decode: (reader) => {
      const start = reader.offset;
      const length = reader.peek16(2);
      if (length < 8) throw new DecodeError('bad_length', start, `an inner message has ${length} bytes`);
      const outer = reader.narrow(start, length);
      reader.enter();
      const inner = message.decode(reader);
      reader.leave();
      reader.widen(outer);
      if (reader.left > 0) reader.align8(start);
      return inner;
    },
  };
}

export function bundleAdd<M>(message: Shape<M>) {
  const contents = structure(
    field('bundle_id', u32),
    pad(2),
    field('flags', flags(16, bundleFlags)),
    field('message', framed(message)),
    field('properties', bundleProperties),
  );
  type Contents = typeof contents extends Shape<infer T> ? T : never;
  const added: Shape<Contents> = {
    ...contents,
    encode: (writer, value) => {
      const { properties, ...head } = value as Contents & { readonly properties: readonly never[] };
      const start = writer.length;
      contents.encode(writer, { ...head, properties: [] });
      if (properties.length === 0) return;
      writer.align8(start);
      bundleProperties.encode(writer, properties);
    },
  };
  return added;
}
