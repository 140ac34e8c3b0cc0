import { assert, DecodeError } from '../../src/base/errors.ts';
import type { JsonValue } from './json.ts';

/** What one message of a peer may cost. */
export interface JsonLimits {
  readonly messageBytesMax: number;
  /** Open objects and arrays. */
  readonly depthMax: number;
  /** Bytes of one string or member name as sent, escapes included. */
  readonly stringBytesMax: number;
  /** Values in one message, containers included: bounds the memory behind `[[],[],…]`. */
  readonly valuesMax: number;
}

export const jsonLimits: JsonLimits = {
  messageBytesMax: 16 * 1024 * 1024,
  depthMax: 32,
  stringBytesMax: 1024 * 1024,
  valuesMax: 1_000_000,
};

/** What the next byte may be. */
type State = 'message' | 'value' | 'value-or-end' | 'name' | 'name-or-end' | 'colon' | 'comma-or-end' | 'string' | 'number' | 'literal';

type MutableObject = { [key: string]: JsonValue };
type Container = { readonly array: JsonValue[] } | { readonly object: MutableObject; name: string };

const numberBytesMax = 64;
const numberPattern = /^-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const escapes = new Set(Buffer.from('"\\/bfnrtu'));
const literals: Readonly<Record<number, readonly [string, JsonValue]>> = {
  0x74: ['true', true],
  0x66: ['false', false],
  0x6e: ['null', null],
};

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isNumberByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x45 || byte === 0x65;
const isHex = (byte: number): boolean => (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);

/** The usual string: a decoder call would cost more than the string itself. Undefined when it is long or not ASCII. */
function shortAscii(bytes: Uint8Array): string | undefined {
  if (bytes.length > 40) return undefined;
  let text = '';
  for (const byte of bytes) {
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/**
 * Streaming JSON parser (RFC 8259) for one direction of one connection. A message is an object or an array,
 * the only values that say themselves where they end; RFC 7047 sends nothing else.
 *
 * Life cycle: chunks are pushed in order; after the first error the stream is broken for good.
 */
export class JsonStream {
  readonly #limits: JsonLimits;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #state: State = 'message';
  #stack: Container[] = [];
  #broken = false;
  /** Bytes of the present message before the byte at hand. */
  #offset = 0;
  #values = 0;
  /** The part of a string that came in earlier chunks; grows by doubling, so that tiny chunks cost no more than large ones. */
  #held = new Uint8Array(256);
  #heldBytes = 0;
  #stringStart = 0;
  #isName = false;
  #hasEscape = false;
  /** -1: plain; 0: behind a backslash; 1-4: hex digits awaited. */
  #escape = -1;
  #number = '';
  #literal = literals[0x74]!;
  #literalBytes = 0;
  #message: JsonValue | undefined;

  constructor(limits: JsonLimits = jsonLimits) {
    this.#limits = limits;
  }

  /** Whether a message has begun and not ended. */
  get partial(): boolean {
    return this.#state !== 'message';
  }

  /**
   * Yields each message that the chunk completes, as soon as it does. The chunk may be reused once the generator is done.
   * @throws DecodeError `json-syntax`, `json-encoding` or `json-limit`, with the offset within the message.
   */
  *push(chunk: Uint8Array): Generator<JsonValue, void, undefined> {
    assert(!this.#broken, 'nothing is pushed into a broken JSON stream');
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === 'string') {
        at = this.#stringRun(chunk, at);
        continue;
      }
      const byte = chunk[at] ?? 0;
      if (this.#state === 'number') {
        if (isNumberByte(byte)) this.#numberByte(byte);
        else {
          this.#endNumber();
          continue;
        }
      } else if (this.#state === 'literal') this.#literalByte(byte);
      else if (!isSpace(byte)) this.#structure(byte);
      at++;
      if (this.#state !== 'message' || this.#stack.length > 0) this.#count(1);
      const done = this.#takeMessage();
      if (done !== undefined) yield done;
    }
  }

  #takeMessage(): JsonValue | undefined {
    const message = this.#message;
    if (message !== undefined) {
      this.#message = undefined;
      this.#offset = 0;
      this.#values = 0;
    }
    return message;
  }

  #fail(code: string, offset: number, reason: string): never {
    this.#broken = true;
    throw new DecodeError(code, offset, reason);
  }

  #count(bytes: number): void {
    this.#offset += bytes;
    if (this.#offset > this.#limits.messageBytesMax)
      this.#fail('json-limit', this.#offset, `a message is longer than ${this.#limits.messageBytesMax} bytes`);
  }

  #structure(byte: number): void {
    switch (this.#state) {
      case 'message':
        if (byte !== 0x7b && byte !== 0x5b) this.#unexpected(byte, 'an object or an array');
        return this.#beginValue(byte);
      case 'value':
        return this.#beginValue(byte);
      case 'value-or-end':
        return byte === 0x5d ? this.#endContainer() : this.#beginValue(byte);
      case 'name':
        return byte === 0x22 ? this.#beginString(true) : this.#unexpected(byte, 'a member name');
      case 'name-or-end':
        if (byte === 0x7d) return this.#endContainer();
        return byte === 0x22 ? this.#beginString(true) : this.#unexpected(byte, 'a member name or "}"');
      case 'colon':
        if (byte !== 0x3a) this.#unexpected(byte, '":"');
        this.#state = 'value';
        return;
      default:
        return this.#commaOrEnd(byte);
    }
  }

  #commaOrEnd(byte: number): void {
    const top = this.#top();
    const isArray = 'array' in top;
    if (byte === 0x2c) this.#state = isArray ? 'value' : 'name';
    else if (byte === (isArray ? 0x5d : 0x7d)) this.#endContainer();
    else this.#unexpected(byte, isArray ? '"," or "]"' : '"," or "}"');
  }

  #unexpected(byte: number, wanted: string): never {
    const shown = byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16).padStart(2, '0')}`;
    this.#fail('json-syntax', this.#offset, `${shown} where ${wanted} must stand`);
  }

  #top(): Container {
    const top = this.#stack.at(-1);
    assert(top, 'inside a message a container is open');
    return top;
  }

  #beginValue(byte: number): void {
    if (++this.#values > this.#limits.valuesMax)
      this.#fail('json-limit', this.#offset, `a message has more than ${this.#limits.valuesMax} values`);
    if (byte === 0x7b) this.#beginContainer({ object: {}, name: '' }, 'name-or-end');
    else if (byte === 0x5b) this.#beginContainer({ array: [] }, 'value-or-end');
    else if (byte === 0x22) this.#beginString(false);
    else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      this.#number = String.fromCharCode(byte);
      this.#state = 'number';
    } else this.#beginLiteral(byte);
  }

  #beginContainer(container: Container, state: State): void {
    if (this.#stack.length >= this.#limits.depthMax)
      this.#fail('json-limit', this.#offset, `a message is nested deeper than ${this.#limits.depthMax}`);
    this.#stack.push(container);
    this.#state = state;
  }

  #endContainer(): void {
    const ended = this.#stack.pop();
    assert(ended, 'only an open container ends');
    const value = 'array' in ended ? ended.array : ended.object;
    if (this.#stack.length > 0) this.#place(value);
    else {
      this.#message = value;
      this.#state = 'message';
    }
  }

  #place(value: JsonValue): void {
    const top = this.#top();
    if ('array' in top) top.array.push(value);
    else if (top.name === '__proto__')
      Object.defineProperty(top.object, top.name, { value, enumerable: true, writable: true, configurable: true });
    else top.object[top.name] = value;
    this.#state = 'comma-or-end';
  }

  #beginString(isName: boolean): void {
    this.#isName = isName;
    this.#hasEscape = false;
    this.#escape = -1;
    this.#heldBytes = 0;
    this.#stringStart = this.#offset;
    this.#state = 'string';
  }

  /** Takes the bytes of a string up to its end or the chunk's; returns where to go on. */
  #stringRun(chunk: Uint8Array, start: number): number {
    let at = start;
    let closed = false;
    for (; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#escape >= 0) this.#escapeByte(byte, this.#offset + at - start);
      else if (byte === 0x22) {
        closed = true;
        break;
      } else if (byte === 0x5c) {
        this.#escape = 0;
        this.#hasEscape = true;
      } else if (byte < 0x20) this.#fail('json-syntax', this.#offset + at - start, 'a control character in a string');
    }
    if (this.#heldBytes + at - start > this.#limits.stringBytesMax)
      this.#fail('json-limit', this.#stringStart, `a string is longer than ${this.#limits.stringBytesMax} bytes, begun`);
    if (closed) {
      const last = chunk.subarray(start, at);
      this.#count(at + 1 - start);
      this.#endString(last);
      return at + 1;
    }
    this.#hold(chunk.subarray(start, at));
    this.#count(at - start);
    return at;
  }

  #hold(part: Uint8Array): void {
    const bytes = this.#heldBytes + part.length;
    if (bytes > this.#held.length) {
      const grown = new Uint8Array(Math.max(bytes, this.#held.length * 2));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(part, this.#heldBytes);
    this.#heldBytes = bytes;
  }

  #escapeByte(byte: number, offset: number): void {
    if (this.#escape === 0) {
      if (!escapes.has(byte)) this.#fail('json-syntax', offset, 'an unknown escape in a string');
      this.#escape = byte === 0x75 ? 4 : -1;
    } else {
      if (!isHex(byte)) this.#fail('json-syntax', offset, 'a \\u escape without four hexadecimal digits');
      this.#escape = this.#escape === 1 ? -1 : this.#escape - 1;
    }
  }

  #endString(last: Uint8Array): void {
    const text = this.#stringText(last);
    if (!this.#isName) return this.#place(text);
    const top = this.#top();
    assert('object' in top, 'names stand in objects');
    top.name = text;
    this.#state = 'colon';
  }

  #stringText(last: Uint8Array): string {
    const short = this.#heldBytes === 0 && !this.#hasEscape ? shortAscii(last) : undefined;
    if (short !== undefined) return short;
    let text: string;
    try {
      if (this.#heldBytes === 0) text = this.#decoder.decode(last);
      else {
        this.#hold(last);
        text = this.#decoder.decode(this.#held.subarray(0, this.#heldBytes));
      }
    } catch {
      this.#fail('json-encoding', this.#stringStart, 'a string is no UTF-8, begun');
    }
    if (!this.#hasEscape) return text;
    // Every escape was checked byte by byte, so the platform's parser cannot fail here.
    const unescaped: unknown = JSON.parse(`"${text}"`);
    assert(typeof unescaped === 'string', 'a quoted text parses to a string');
    if (!unescaped.isWellFormed()) this.#fail('json-encoding', this.#stringStart, 'a string has half of a surrogate pair, begun');
    return unescaped;
  }

  #numberByte(byte: number): void {
    if (this.#number.length >= numberBytesMax)
      this.#fail('json-limit', this.#offset, `a number is longer than ${numberBytesMax} characters`);
    this.#number += String.fromCharCode(byte);
  }

  #endNumber(): void {
    const text = this.#number;
    const parts = numberPattern.exec(text);
    if (!parts) this.#fail('json-syntax', this.#offset - text.length, `"${text}" is no number`);
    const value = Number(text);
    if (!Number.isFinite(value)) this.#fail('json-limit', this.#offset - text.length, `"${text}" is too large`);
    const isInteger = parts[1] === undefined && parts[2] === undefined;
    // Adding zero turns -0 into 0: OVSDB knows no negative zero among integers.
    this.#place(isInteger && !Number.isSafeInteger(value) ? BigInt(text) : value + 0);
  }

  #beginLiteral(byte: number): void {
    const literal = literals[byte];
    if (!literal) this.#unexpected(byte, 'a value');
    this.#literal = literal;
    this.#literalBytes = 1;
    this.#state = 'literal';
  }

  #literalByte(byte: number): void {
    const [text, value] = this.#literal;
    if (byte !== text.charCodeAt(this.#literalBytes)) this.#unexpected(byte, `the rest of "${text}"`);
    this.#literalBytes++;
    if (this.#literalBytes === text.length) this.#place(value);
  }
}
