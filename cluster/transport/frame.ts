import { DecodeError } from '../../src/base/errors.ts';

/**
 * What goes over a connection between members:
 *
 *     0  u32  bytes behind this field
 *     4  u8   kind
 *     5  u24  bytes of the head
 *     8       head, JSON · body, bytes
 *
 * Big-endian.
 */
export interface Frame {
  readonly kind: FrameKind;
  readonly head: unknown;
  readonly body: Buffer;
}

const frameKinds = ['hello', 'ping', 'pong', 'message', 'request', 'reply', 'snapshot', 'chunk', 'end', 'refused'] as const;
export type FrameKind = (typeof frameKinds)[number];

/** More than any message that a member forms: a group of commits, with what is around it. */
export const frameBytesMax = 48 * 1024 * 1024;
const headBytesMax = 0xff_ffff;
const prefixBytes = 8;
const noBody = Buffer.alloc(0);

/** The parts to be written, in order; the body is not copied. */
export function encodeFrame(kind: FrameKind, head: unknown, body: readonly Uint8Array[] = []): Buffer[] {
  const text = JSON.stringify(head);
  const textBytes = Buffer.byteLength(text);
  const bodyBytes = body.reduce((sum, part) => sum + part.length, 0);
  const size = 4 + textBytes + bodyBytes;
  if (textBytes > headBytesMax || size > frameBytesMax) throw new DecodeError('frame-too-large', 0, `a frame would have ${size} bytes`);
  const prefix = Buffer.allocUnsafe(prefixBytes + textBytes);
  prefix.writeUInt32BE(size, 0);
  prefix.writeUInt32BE((frameKinds.indexOf(kind) << 24) | textBytes, 4);
  prefix.write(text, prefixBytes);
  return [prefix, ...body.map((part) => Buffer.from(part.buffer, part.byteOffset, part.length))];
}

/** Cuts a stream of bytes into frames. Holds no more than one frame; throws a DecodeError for what cannot be one, and is of no use then. */
export class FrameReader {
  readonly #parts: Buffer[] = [];
  #held = 0;
  /** Until the other side is known, a frame is short. */
  bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  *take(bytes: Buffer): Generator<Frame> {
    this.#parts.push(bytes);
    this.#held += bytes.length;
    while (this.#held >= prefixBytes) {
      const size = 4 + this.#peek(4).readUInt32BE(0);
      if (size > this.bytesMax) throw new DecodeError('frame-too-large', 0, `a frame of ${size} bytes, ${this.bytesMax} at most`);
      if (size < prefixBytes) throw new DecodeError('malformed-frame', 0, `a frame of ${size} bytes`);
      if (this.#held < size) return;
      yield decodeFrame(this.#cut(size));
    }
  }

  #peek(size: number): Buffer {
    const first = this.#parts[0];
    if (first !== undefined && first.length >= size) return first;
    return this.#join();
  }

  #join(): Buffer {
    const all = Buffer.concat(this.#parts);
    this.#parts.splice(0, this.#parts.length, all);
    return all;
  }

  #cut(size: number): Buffer {
    const first = this.#peek(size);
    this.#held -= size;
    if (first.length === size) this.#parts.shift();
    else this.#parts[0] = first.subarray(size);
    return first.subarray(0, size);
  }
}

function decodeFrame(bytes: Buffer): Frame {
  const word = bytes.readUInt32BE(4);
  const kind = frameKinds[word >>> 24];
  const headBytes = word & headBytesMax;
  if (kind === undefined) throw new DecodeError('malformed-frame', 4, `unknown kind ${word >>> 24}`);
  const bodyStart = prefixBytes + headBytes;
  if (bodyStart > bytes.length) throw new DecodeError('malformed-frame', 5, `a head of ${headBytes} bytes ends behind the frame`);
  let head: unknown;
  try {
    head = JSON.parse(bytes.toString('utf8', prefixBytes, bodyStart));
  } catch {
    throw new DecodeError('malformed-frame', prefixBytes, 'the head is not JSON');
  }
  return { kind, head, body: bodyStart === bytes.length ? noBody : bytes.subarray(bodyStart) };
}
