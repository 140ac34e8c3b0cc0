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

/** Frames shorter than this are copied next to each other. */
const copiedBytesMax = 32 * 1024;
const blockBytes = 64 * 1024;
const characterBytesMax = 3;

/** Frames that wait to be written, in as few pieces as pays: short ones one behind the other in a block, the body of a long one as it is. */
export class FrameWriter {
  /** What was handed over of it is not written again. */
  #block = noBody;
  #start = 0;
  #end = 0;
  #parts: Uint8Array[] = [];
  /** Of all that waits. */
  bytes = 0;

  /** A body of text is written as UTF-8. */
  add(kind: FrameKind, head: unknown, body: string | readonly Uint8Array[]): void {
    const text = JSON.stringify(head);
    const parts = typeof body === 'string' ? [] : body;
    const bodyBytes = typeof body === 'string' ? body.length * characterBytesMax : parts.reduce((sum, part) => sum + part.length, 0);
    const sizeMax = prefixBytes + text.length * characterBytesMax + bodyBytes;
    if (sizeMax > copiedBytesMax) {
      this.#addLong(kind, text, typeof body === 'string' ? [Buffer.from(body)] : parts);
      return;
    }
    if (this.#block.length - this.#end < sizeMax) this.#newBlock();
    const block = this.#block;
    const start = this.#end;
    const textBytes = block.write(text, start + prefixBytes);
    let end = start + prefixBytes + textBytes;
    if (typeof body === 'string') end += block.write(body, end);
    for (const part of parts) {
      block.set(part, end);
      end += part.length;
    }
    writePrefix(block, start, kind, textBytes, end - start - 4);
    this.#end = end;
    this.bytes += end - start;
  }

  #addLong(kind: FrameKind, text: string, body: readonly Uint8Array[]): void {
    const head = Buffer.from(text);
    const size = body.reduce((sum, part) => sum + part.length, 4 + head.length);
    if (head.length > headBytesMax || size > frameBytesMax) throw new DecodeError('frame-too-large', 0, `a frame would have ${size} bytes`);
    const prefix = Buffer.allocUnsafe(prefixBytes);
    writePrefix(prefix, 0, kind, head.length, size);
    this.#endPart();
    this.#parts.push(prefix, head, ...body);
    this.bytes += size + 4;
  }

  #newBlock(): void {
    this.#endPart();
    this.#block = Buffer.allocUnsafeSlow(blockBytes);
    this.#start = 0;
    this.#end = 0;
  }

  #endPart(): void {
    if (this.#end > this.#start) this.#parts.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  /** All that waits, in order. */
  take(): readonly Uint8Array[] {
    this.#endPart();
    this.bytes = 0;
    return this.#parts.splice(0);
  }
}

function writePrefix(bytes: Buffer, at: number, kind: FrameKind, headBytes: number, size: number): void {
  bytes.writeUInt32BE(size, at);
  bytes.writeUInt32BE((frameKinds.indexOf(kind) << 24) | headBytes, at + 4);
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
