import type { Revision } from '../store/port.ts';

/** Of a slot: the id's four words, and the revision's low and high half. A revision of 0: the slot is free. */
const idWords = 4;
const slotWords = idWords + 2;
const slotsMin = 1_024;
const loadMax = 0.8;
const wordBase = 2 ** 32;

/**
 * Ids, each with a revision. Those that `randomUUID` makes are kept as their 128 bits, beside each other: with hundreds of thousands of them, a search in a Map of
 * strings is several misses of the processor's cache, and the strings are the collector's to carry.
 */
export class RequestIds {
  #slots = new Uint32Array(slotsMin * slotWords);
  #slotCount = slotsMin;
  #taken = 0;
  /** Ids of any other form. */
  readonly #others = new Map<string, Revision>();
  readonly #id = new Uint32Array(idWords);

  get size(): number {
    return this.#taken + this.#others.size;
  }

  get(id: string): Revision | undefined {
    if (!readUuid(id, this.#id)) return this.#others.get(id);
    const revision = this.#revisionAt(this.#find(this.#id, 0));
    return revision === 0 ? undefined : revision;
  }

  set(id: string, revision: Revision): void {
    if (!readUuid(id, this.#id)) {
      this.#others.set(id, revision);
      return;
    }
    if (this.#taken >= this.#slotCount * loadMax) this.#grow();
    const at = this.#find(this.#id, 0);
    if (this.#revisionAt(at) === 0) this.#taken++;
    this.#slots.set(this.#id, at);
    this.#slots[at + idWords] = revision % wordBase;
    this.#slots[at + idWords + 1] = Math.floor(revision / wordBase);
  }

  #revisionAt(at: number): Revision {
    return (this.#slots[at + idWords] ?? 0) + (this.#slots[at + idWords + 1] ?? 0) * wordBase;
  }

  /** The slot of the id whose words stand at an offset, or the free one where it belongs. */
  #find(words: Uint32Array, offset: number): number {
    const slots = this.#slots;
    for (let slot = words[offset] ?? 0; ; slot++) {
      const at = (slot & (this.#slotCount - 1)) * slotWords;
      if (this.#revisionAt(at) === 0) return at;
      let same = 0;
      while (same < idWords && slots[at + same] === words[offset + same]) same++;
      if (same === idWords) return at;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slotCount *= 2;
    this.#slots = new Uint32Array(this.#slotCount * slotWords);
    for (let from = 0; from < before.length; from += slotWords) {
      if (before[from + idWords] === 0 && before[from + idWords + 1] === 0) continue;
      const to = this.#find(before, from);
      for (let at = 0; at < slotWords; at++) this.#slots[to + at] = before[from + at] ?? 0;
    }
  }
}

const uuidCharacters = 36;
const hyphen = 45;

/** The bits of an id, if it has the form that `randomUUID` gives it: no other text has the same. */
function readUuid(text: string, bits: Uint32Array): boolean {
  if (text.length !== uuidCharacters) return false;
  let digits = 0;
  let value = 0;
  for (let at = 0; at < uuidCharacters; at++) {
    const code = text.charCodeAt(at);
    if (at === 8 || at === 13 || at === 18 || at === 23) {
      if (code !== hyphen) return false;
      continue;
    }
    const digit = hexDigit(code);
    if (digit < 0) return false;
    value = (value << 4) | digit;
    digits++;
    if (digits % 8 === 0) bits[digits / 8 - 1] = value;
  }
  return true;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}
