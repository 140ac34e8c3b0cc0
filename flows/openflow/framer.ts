import { DecodeError } from '../../src/base/errors.ts';
import { messageBytesMax } from './writer.ts';

const headerBytes = 8;

/**
 * Cuts a stream into messages. A frame inside of one chunk is a view of it; one that spans chunks is put together in a buffer of
 * its own size. At most one frame is held. After a failure nothing can be told any more: the connection must go.
 */
export class Framer {
  private readonly frameBytesMax: number;
  /** Start of a frame whose rest is still to come; its size is that of the frame once the header is there. */
  private held = new Uint8Array(headerBytes);
  private heldBytes = 0;

  constructor(frameBytesMax = messageBytesMax) {
    this.frameBytesMax = frameBytesMax;
  }

  /** Bytes of an incomplete frame. */
  get pendingBytes(): number {
    return this.heldBytes;
  }

  /** Delivers every frame that the chunk completes, then fails with `DecodeError` when the next header is none. */
  push(chunk: Uint8Array, deliver: (frame: Uint8Array) => void): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.heldBytes > 0) {
        offset += this.fill(chunk, offset, deliver);
        continue;
      }
      const left = chunk.length - offset;
      const length = left >= headerBytes ? this.lengthAt(chunk, offset) : 0;
      if (left < headerBytes || left < length) {
        this.held = new Uint8Array(Math.max(headerBytes, length));
        this.held.set(chunk.subarray(offset));
        this.heldBytes = left;
        return;
      }
      deliver(chunk.subarray(offset, offset + length));
      offset += length;
    }
  }

  /** Takes what the held frame lacks; returns how many bytes that was. */
  private fill(chunk: Uint8Array, offset: number, deliver: (frame: Uint8Array) => void): number {
    const part = chunk.subarray(offset, offset + this.held.length - this.heldBytes);
    this.held.set(part, this.heldBytes);
    this.heldBytes += part.length;
    if (this.heldBytes < this.held.length) return part.length;
    const length = this.lengthAt(this.held, 0);
    if (length > this.held.length) {
      const grown = new Uint8Array(length);
      grown.set(this.held);
      this.held = grown;
      return part.length;
    }
    const frame = this.held;
    this.held = new Uint8Array(headerBytes);
    this.heldBytes = 0;
    deliver(frame);
    return part.length;
  }

  /** The length that a header states. Hello, error and echo may have any version. */
  private lengthAt(bytes: Uint8Array, offset: number): number {
    const version = bytes[offset] ?? 0;
    const type = bytes[offset + 1] ?? 0;
    const length = (bytes[offset + 2] ?? 0) * 256 + (bytes[offset + 3] ?? 0);
    if (version === 0 || version > 0x7f || (type > 3 && (version < 4 || version > 6)))
      throw new DecodeError('bad_version', 0, `version ${version} is not spoken here`);
    if (length < headerBytes || length > this.frameBytesMax) throw new DecodeError('bad_length', 2, `a frame of ${length} bytes`);
    return length;
  }
}
