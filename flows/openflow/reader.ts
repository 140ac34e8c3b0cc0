import { DecodeError } from '../../src/base/errors.ts';

/** Wire version: 4 is OpenFlow 1.3, 5 is 1.4, 6 is 1.5. */
export type Version = 4 | 5 | 6;

/** Actions inside of actions, and messages inside of messages. */
const depthMax = 8;

const hexDigits = '0123456789abcdef';

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexDigits.charAt(byte >> 4) + hexDigits.charAt(byte & 15);
  return text;
}

/**
 * A cursor over one message. No read passes `end`; every length on the wire first narrows `end` (`narrow`), so that what is
 * inside can never reach what is outside. Byte views returned by `take` share the caller's buffer.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly version: number;
  offset: number;
  end: number;
  private readonly view: DataView;
  private depth = 0;

  constructor(bytes: Uint8Array, version: number, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.version = version;
    this.offset = offset;
    this.end = end;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.end - this.offset;
  }

  /** Fails unless `count` more bytes are there; otherwise moves on and returns where they start. */
  private pass(count: number): number {
    const start = this.offset;
    if (start + count > this.end) throw new DecodeError('truncated', start, `${count} bytes are needed, ${this.end - start} are left`);
    this.offset = start + count;
    return start;
  }

  u8(): number {
    return this.view.getUint8(this.pass(1));
  }

  u16(): number {
    return this.view.getUint16(this.pass(2));
  }

  u24(): number {
    const start = this.pass(3);
    return this.view.getUint16(start) * 256 + this.view.getUint8(start + 2);
  }

  u32(): number {
    return this.view.getUint32(this.pass(4));
  }

  u48(): number {
    const start = this.pass(6);
    return this.view.getUint16(start) * 0x1_0000_0000 + this.view.getUint32(start + 2);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.pass(8));
  }

  u128(): bigint {
    const start = this.pass(16);
    return (this.view.getBigUint64(start) << 64n) | this.view.getBigUint64(start + 8);
  }

  /** An unsigned number of any length. */
  big(count: number): bigint {
    const start = this.pass(count);
    return count === 0 ? 0n : BigInt(`0x${toHex(this.bytes.subarray(start, start + count))}`);
  }

  peek16(ahead: number): number {
    const at = this.offset + ahead;
    if (at + 2 > this.end) throw new DecodeError('truncated', this.offset, `${ahead + 2} bytes are needed, ${this.left} are left`);
    return this.view.getUint16(at);
  }

  peek32(ahead: number): number {
    const at = this.offset + ahead;
    if (at + 4 > this.end) throw new DecodeError('truncated', this.offset, `${ahead + 4} bytes are needed, ${this.left} are left`);
    return this.view.getUint32(at);
  }

  skip(count: number): void {
    this.pass(count);
  }

  /** A view, no copy. */
  take(count: number): Uint8Array {
    const start = this.pass(count);
    return this.bytes.subarray(start, start + count);
  }

  hex(count: number): string {
    return toHex(this.take(count));
  }

  /** Latin-1 text up to the first NUL of a field of `count` bytes. */
  text(count: number): string {
    const field = this.take(count);
    let text = '';
    for (const byte of field) {
      if (byte === 0) break;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Bounds what follows to `count` bytes from `start`. Returns the former end, to be given to `widen`. */
  narrow(start: number, count: number): number {
    const outer = this.end;
    if (start + count > outer)
      throw new DecodeError('bad_length', start, `a length of ${count} passes the end, ${outer - start} bytes are left`);
    if (start + count < this.offset) throw new DecodeError('bad_length', start, `a length of ${count} is too small`);
    this.end = start + count;
    return outer;
  }

  /** Leaves the narrowed part; what was not read in it is passed over. */
  widen(outer: number): void {
    this.offset = this.end;
    this.end = outer;
  }

  /** Passes over padding to a multiple of 8 from `start`; the last one of a message may lack it. */
  align8(start: number): void {
    const rest = (this.offset - start) & 7;
    if (rest !== 0) this.offset = Math.min(this.offset + 8 - rest, this.end);
  }

  enter(): void {
    if (++this.depth > depthMax) throw new DecodeError('too_deep', this.offset, `nested more than ${depthMax} deep`);
  }

  leave(): void {
    this.depth--;
  }
}
