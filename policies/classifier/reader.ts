import { viewOf } from './arena.ts';
import {
  address4Slot,
  address6Slot,
  biased,
  classRow,
  ends,
  header,
  interfaceRow,
  mix,
  outcomes,
  passBits,
  question,
  spaceRow,
  tableRow,
} from './layout.ts';
import { LaneSearch, unserved } from './lane-search.ts';
import type { LaneEnd } from './lane-search.ts';
import { lanesMax } from './kernel.ts';
import { Search, undecided } from './search.ts';

/** Of a prefix: vectors are told without it. */
const notSought = -1;
/** Answers between two looks at the sequence number. */
const chunk = lanesMax;

/**
 * Decides questions from a classifier's words, on any thread. While the words are being changed what is read may be anything: every loop is
 * bounded, offsets stay within the buffer, and answers count only when the sequence number is even and the same before and after. Then they are of one revision.
 *
 * Questions are answered a chunk at a time and each step for all of the chunk, so that one need not wait for what another waits for from memory.
 */
export class Reader {
  private readonly memory: WebAssembly.Memory;
  private words: Int32Array<SharedArrayBuffer>;
  /** Offsets that were read are held against it. */
  private mask = 0;
  private readonly sources = new Int32Array(chunk);
  private readonly destinations = new Int32Array(chunk);
  /** The innermost prefix around the other end's address in the space of the interface that judges: of its egress, of its ingress. */
  private readonly prefixes = [new Int32Array(chunk), new Int32Array(chunk)] as const;
  /** Where the addresses of both ends were found; 0: nowhere. */
  private readonly slots = [new Int32Array(chunk), new Int32Array(chunk)] as const;
  /** What lanes say of egress, and of ingress. */
  private readonly laned = [new Int32Array(chunk), new Int32Array(chunk)] as const;
  private readonly search: Search;
  private readonly lanes: LaneSearch;
  private interfaces = 0;
  private classes = 0;
  private spaces = 0;
  private tables = 0;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.words = viewOf(memory);
    this.mask = this.words.length - 1;
    this.search = new Search(this.words);
    this.lanes = new LaneSearch(memory, this.words);
  }

  /**
   * @param questions `count` of them, laid out by `question` in layout.ts
   * @param answers two words for each: what decided egress and ingress, a rule or one of `outcomes`
   * @returns the revision of the last of them
   */
  decide(questions: Int32Array, count: number, answers: Int32Array): number {
    let revision = 0;
    for (let first = 0; first < count; first += chunk) {
      const last = Math.min(count, first + chunk);
      let sequence: number;
      do {
        sequence = this.begin();
        revision = (this.words[header.revision]! >>> 0) + this.words[header.revision + 1]! * 2 ** 32;
        this.decideChunk(questions, first, last, answers);
      } while (Atomics.load(this.words, header.sequence) !== sequence);
    }
    return revision;
  }

  /** Waits for an update that is under way. @returns the sequence number */
  private begin(): number {
    for (;;) {
      const sequence = Atomics.load(this.words, header.sequence);
      if ((sequence & 1) === 0) {
        if (this.words[header.capacity] !== this.words.length) this.look();
        const { words } = this;
        this.mask = words.length - 1;
        this.interfaces = words[header.interfaces]!;
        this.classes = words[header.classes]!;
        this.spaces = words[header.spaces]!;
        this.tables = words[header.tables]!;
        this.search.begin(words);
        this.lanes.begin(words);
        return sequence;
      }
      Atomics.wait(this.words, header.sequence, sequence, 1);
    }
  }

  /** A thread learns of growth by another a moment later, or when it asks to grow. */
  private look(): void {
    const capacity = this.words[header.capacity]!;
    this.words = viewOf(this.memory);
    if (this.words.length >= capacity) return;
    this.memory.grow(0);
    this.words = viewOf(this.memory);
  }

  private decideChunk(asked: Int32Array, first: number, last: number, answers: Int32Array): void {
    const { sources, destinations } = this;
    const [egress, ingress] = this.prefixes;
    const [sourceSlots, destinationSlots] = this.slots;
    const [lanedEgress, lanedIngress] = this.laned;
    this.findAll(asked, first, last, question.from, question.source, sources, sourceSlots);
    this.findAll(asked, first, last, question.to, question.destination, destinations, destinationSlots);
    this.prefixesOf(asked, first, last, 0, sources, sourceSlots, destinationSlots, question.destination, egress);
    this.prefixesOf(asked, first, last, 1, destinations, destinationSlots, sourceSlots, question.source, ingress);
    const count = last - first;
    const from: LaneEnd = { interfaces: sources, slots: sourceSlots };
    const to: LaneEnd = { interfaces: destinations, slots: destinationSlots };
    this.lanes.run(0, asked, first, count, from, to, egress, lanedEgress);
    this.lanes.run(1, asked, first, count, to, from, ingress, lanedIngress);
    for (let index = 0, at = first * question.size; index < last - first; index++, at += question.size) {
      const source = sources[index]!;
      const destination = destinations[index]!;
      const to = (first + index) * 2;
      answers[to] =
        source < 0
          ? outcomes.none
          : this.side(0, source, destination, egress[index]!, lanedEgress[index]!, asked, at, question.destination);
      answers[to + 1] =
        destination < 0
          ? outcomes.none
          : this.side(1, destination, source, ingress[index]!, lanedIngress[index]!, asked, at, question.source);
    }
  }

  private rowOf(number: number): number {
    return (this.interfaces + number * interfaceRow.size) & this.mask;
  }

  /** The interfaces at one end of each question, and the slots of their addresses. */
  private findAll(
    asked: Int32Array,
    first: number,
    last: number,
    end: number,
    address: number,
    found: Int32Array,
    slots4: Int32Array,
  ): void {
    const { words, mask } = this;
    const base = words[header.addresses4]!;
    const slots = words[header.addresses4Mask]!;
    for (let index = 0, at = first * question.size; index < last - first; index++, at += question.size) {
      const known = asked[at + end]!;
      const domain = asked[at + question.domain]!;
      slots4[index] = 0;
      if (known !== ends.find) found[index] = known;
      else if (domain < 0) found[index] = ends.nobody;
      else if (asked[at + question.family] !== 4) found[index] = this.interfaceAt6(domain, asked, at + address);
      else {
        const value = asked[at + address]!;
        let slotAt = mix(domain, value) & slots;
        let left = slots;
        let offset = (base + slotAt * address4Slot.size) & mask;
        while ((words[offset] !== domain + 1 || words[offset + address4Slot.address] !== value) && words[offset] !== 0 && left-- > 0) {
          slotAt = (slotAt + 1) & slots;
          offset = (base + slotAt * address4Slot.size) & mask;
        }
        found[index] = words[offset] === domain + 1 ? words[offset + address4Slot.interface]! : ends.nobody;
        slots4[index] = words[offset] === 0 ? 0 : offset;
      }
    }
  }

  private interfaceAt6(domain: number, asked: Int32Array, at: number): number {
    const { words } = this;
    const base = words[header.addresses6]!;
    const mask = words[header.addresses6Mask]!;
    const hash = mix(mix(mix(mix(domain, asked[at]!), asked[at + 1]!), asked[at + 2]!), asked[at + 3]!);
    for (let index = hash & mask, left = mask; left >= 0; index = (index + 1) & mask, left--) {
      const offset = (base + index * address6Slot.size) & this.mask;
      if (words[offset] === 0) return ends.nobody;
      if (words[offset] !== domain + 1) continue;
      const address = offset + address6Slot.address;
      if (words[address] !== asked[at] || words[address + 1] !== asked[at + 1]) continue;
      if (words[address + 2] === asked[at + 2] && words[address + 3] === asked[at + 3]) return words[offset + address6Slot.interface]!;
    }
    return ends.nobody;
  }

  /** The innermost prefixes around the other end's address, where it is needed and the tenant of the local end has rules in that direction; 0: none. */
  private prefixesOf(
    asked: Int32Array,
    first: number,
    last: number,
    direction: number,
    locals: Int32Array,
    localSlots: Int32Array,
    peerSlots: Int32Array,
    address: number,
    found: Int32Array,
  ): void {
    const { words, mask, tables } = this;
    for (let index = 0, at = first * question.size; index < last - first; index++, at += question.size) {
      const local = locals[index]!;
      found[index] = 0;
      if (local < 0) continue;
      if (this.lanes.isTold(direction, localSlots[index]!, peerSlots[index]!)) {
        found[index] = notSought;
        continue;
      }
      const space = words[this.rowOf(local) + interfaceRow.space]!;
      const table = (tables + (2 + 2 * space + direction) * tableRow.size) & mask;
      if (words[table + tableRow.rules] === 0) continue;
      found[index] = this.prefixIn(space, asked[at + question.family]!, asked, at + address);
    }
  }

  private prefixIn(space: number, family: number, asked: Int32Array, at: number): number {
    const row = (this.spaces + space * spaceRow.size) & this.mask;
    return family === 4 ? this.prefix4(row, asked[at]!) : this.prefix6(row, asked, at);
  }

  private prefix4(row: number, address: number): number {
    const { words, mask } = this;
    const count = words[row + spaceRow.count4]!;
    if (count === 0) return 0;
    const base = words[row + spaceRow.blocks4]! & mask;
    const index = words[row + spaceRow.index4]! & mask;
    return index === 0 ? this.searched4(base, count, address) : this.indexed4(base, index, address);
  }

  private searched4(base: number, count: number, address: number): number {
    const { words, mask } = this;
    const wanted = biased(address);
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (words[(base + middle * 2) & mask]! <= wanted) low = middle;
      else high = middle - 1;
    }
    return words[(base + low * 2 + 1) & mask]!;
  }

  /** All but the first of those that the index leaves share the address's high half, so that a difference of low halves tells, without a branch. */
  private indexed4(base: number, index: number, address: number): number {
    const { words, mask } = this;
    const high = address >>> 16;
    const wanted = address & 0xffff;
    let low = words[index + high]!;
    let count = (words[index + high + 1]! - low) & 0x1ffff;
    while (count > 0) {
      const half = (count + 1) >>> 1;
      const isBehind = (wanted - (words[(base + (low + half) * 2) & mask]! & 0xffff)) >> 31;
      low += half & ~isBehind;
      count -= half;
    }
    return words[(base + low * 2 + 1) & mask]!;
  }

  private prefix6(row: number, asked: Int32Array, at: number): number {
    const { words, mask } = this;
    const count = words[row + spaceRow.count6]!;
    if (count === 0) return 0;
    const base = words[row + spaceRow.blocks6]!;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (isAfter6(words, (base + middle * 5) & mask, asked, at)) high = middle - 1;
      else low = middle;
    }
    return words[(base + low * 5 + 4) & mask]!;
  }

  /** The tenant's tier, where lanes have no answer. */
  private searched(
    table: number,
    record: number,
    direction: number,
    space: number,
    peer: number,
    prefix: number,
    asked: Int32Array,
    at: number,
    peerAddress: number,
  ): number {
    const around = prefix === notSought ? this.prefixIn(space, asked[at + question.family]!, asked, at + peerAddress) : prefix;
    return this.search.run(table, record, direction, space, peer, around);
  }

  /** One side: the tiers in turn, then the posture. `peerAddress` is where in the question the other end's address stands. */
  private side(
    direction: number,
    local: number,
    peer: number,
    prefix: number,
    laned: number,
    asked: Int32Array,
    at: number,
    peerAddress: number,
  ): number {
    const { words, mask } = this;
    const platformTier = this.tables + direction * tableRow.size;
    const hasPlatform = words[platformTier]! > 0;
    if (laned >= 0 && !hasPlatform && (laned & 3) !== passBits) return laned;
    const row = this.rowOf(local);
    const space = words[row + interfaceRow.space]!;
    const own = (this.classes + words[row + interfaceRow.class]! * classRow.size) & mask;
    const tenantTier = (this.tables + (2 + 2 * space + direction) * tableRow.size) & mask;
    const baselineTier = this.tables + (2 + direction) * tableRow.size;
    let everybodys = 0;
    const hasBaseline = words[baselineTier]! > 0;
    if (laned === unserved || hasPlatform || hasBaseline)
      this.search.ask(asked[at + question.protocol]!, asked[at + question.port]!, direction === 0 ? peer : local);
    if (hasPlatform || hasBaseline) everybodys = this.prefixIn(0, asked[at + question.family]!, asked, at + peerAddress);
    if (hasPlatform) {
      const rule = this.search.run(platformTier, words[own + classRow.platform]!, direction, 0, peer, everybodys);
      if (rule !== undecided && (rule & 3) !== passBits) return rule;
    }
    if (words[tenantTier]! > 0) {
      const rule =
        laned === unserved
          ? this.searched(tenantTier, words[own + classRow.own]!, direction, space, peer, prefix, asked, at, peerAddress)
          : laned;
      if (rule !== undecided && (rule & 3) !== passBits) return rule;
    }
    if (hasBaseline) {
      const rule = this.search.run(baselineTier, words[own + classRow.platform]!, 2 + direction, 0, peer, everybodys);
      if (rule !== undecided && (rule & 3) !== passBits) return rule;
    }
    return words[(this.spaces + space * spaceRow.size + spaceRow.open) & mask] === 1 ? outcomes.allowed : outcomes.denied;
  }
}

function isAfter6(words: Int32Array, start: number, asked: Int32Array, at: number): boolean {
  for (let word = 0; word < 4; word++) {
    const wanted = biased(asked[at + word]!);
    const begins = words[start + word]!;
    if (begins !== wanted) return begins > wanted;
  }
  return false;
}
