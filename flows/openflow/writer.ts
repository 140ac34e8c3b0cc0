import { WeirError } from '../../src/base/errors.ts';

/** A length on the wire has 16 bits. */
export const messageBytesMax = 0xffff;

/**
 * A buffer that grows and is used again: `reset` forgets what was written, `written` is a view that the next `reset` makes
 * invalid, `finish` a copy. Several messages may follow each other in one writer.
 */
export class Writer {
  bytes: Uint8Array;
  length = 0;
  /** Wire version of the message that is being written. */
  version = 4;
  private view: DataView;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  reset(): void {
    this.length = 0;
  }

  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** Moves on by `count` bytes and returns where they start. */
  private pass(count: number): number {
    const start = this.length;
    this.length = start + count;
    if (this.length > this.bytes.length) this.grow();
    return start;
  }

  private grow(): void {
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    const start = this.pass(1);
    this.view.setUint8(start, value);
  }

  u16(value: number): void {
    const start = this.pass(2);
    this.view.setUint16(start, value);
  }

  u24(value: number): void {
    const start = this.pass(3);
    this.view.setUint16(start, value >>> 8);
    this.view.setUint8(start + 2, value);
  }

  u32(value: number): void {
    const start = this.pass(4);
    this.view.setUint32(start, value);
  }

  u48(value: number): void {
    const start = this.pass(6);
    this.view.setUint16(start, Math.floor(value / 0x1_0000_0000));
    this.view.setUint32(start + 2, value);
  }

  u64(value: bigint): void {
    const start = this.pass(8);
    this.view.setBigUint64(start, value);
  }

  u128(value: bigint): void {
    const start = this.pass(16);
    this.view.setBigUint64(start, value >> 64n);
    this.view.setBigUint64(start + 8, value);
  }

  big(value: bigint, count: number): void {
    this.hex(
      value
        .toString(16)
        .padStart(count * 2, '0')
        .slice(-count * 2),
    );
  }

  zeros(count: number): void {
    const start = this.pass(count);
    this.bytes.fill(0, start, start + count);
  }

  raw(bytes: Uint8Array): void {
    const start = this.pass(bytes.length);
    this.bytes.set(bytes, start);
  }

  hex(text: string): void {
    const start = this.pass(text.length >> 1);
    for (let index = 0; index < text.length >> 1; index++)
      this.bytes[start + index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }

  /** Latin-1, cut or padded with NUL to `count` bytes. */
  text(value: string, count: number): void {
    const start = this.pass(count);
    for (let index = 0; index < count; index++) this.bytes[start + index] = index < value.length ? value.charCodeAt(index) : 0;
  }

  /** Pads with zeros to a multiple of 8 from `start`. */
  align8(start: number): void {
    const rest = (this.length - start) & 7;
    if (rest !== 0) this.zeros(8 - rest);
  }

  at16(offset: number): number {
    return this.view.getUint16(offset);
  }

  patch16(offset: number, value: number): void {
    if (value > messageBytesMax) throw new WeirError('too_long', `a length of ${value} does not fit into 16 bits`);
    this.view.setUint16(offset, value);
  }
}
