import { viewOf } from './arena.ts';
import {
  address4Slot,
  address6Slot,
  biased,
  classRow,
  ends,
  entry,
  foreignSlot,
  header,
  interfaceRow,
  list,
  listKind,
  mix,
  nameShift,
  outcomes,
  passBits,
  prefixBlock,
  question,
  rankNone,
  record,
  slot,
  spaceRow,
  subjectRow,
  tableRow,
} from './layout.ts';

/** Answers between two looks at the sequence number. */
const chunk = 64;
/** What a half-written count is held against: no list is longer, and a chain of prefixes has one for each length at most. */
const clausesMax = 2 ** 20;
const chainMax = 130;
const undecided = -4;

/**
 * Decides questions from a classifier's words, on any thread. While the words are being changed what is read may be anything: every loop is
 * bounded, and answers count only when the sequence number is even and the same before and after. Then they are of one revision.
 */
export class Reader {
  private readonly buffer: SharedArrayBuffer;
  private words: Int32Array<SharedArrayBuffer>;
  private clauses = new Int32Array(256);
  private clauseCount = 0;
  private clausesLow = 0;
  private clausesHigh = 0;
  private best = rankNone;
  private rule = undecided;
  private protocol = 0;
  private port = 0;
  /** The offset of the ports that the destination declares; 0: none. */
  private declared = 0;
  private interfaces = 0;
  private subjects = 0;
  private pairs = 0;
  private pairsMask = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = viewOf(buffer);
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
      revision = this.read(() => {
        for (let index = first; index < last; index++) this.decideOne(questions, index * question.size, answers, index * 2);
      });
    }
    return revision;
  }

  private read(look: () => void): number {
    for (;;) {
      const before = Atomics.load(this.words, header.sequence);
      if ((before & 1) === 0) {
        if (this.words[header.capacity] !== this.words.length) this.words = viewOf(this.buffer);
        const { words } = this;
        this.interfaces = words[header.interfaces]!;
        this.subjects = words[header.subjects]!;
        this.pairs = words[header.pairs]!;
        this.pairsMask = words[header.pairsMask]!;
        const revision = (words[header.revision]! >>> 0) + words[header.revision + 1]! * 2 ** 32;
        look();
        if (Atomics.load(words, header.sequence) === before) return revision;
      } else Atomics.wait(this.words, header.sequence, before, 1);
    }
  }

  private decideOne(asked: Int32Array, at: number, answers: Int32Array, to: number): void {
    const { words, interfaces } = this;
    let source = asked[at + question.from]!;
    let destination = asked[at + question.to]!;
    const family = asked[at + question.family]!;
    const domain = asked[at + question.domain]!;
    if (source === ends.find) source = this.interfaceAt(domain, family, asked, at + question.source);
    if (destination === ends.find) destination = this.interfaceAt(domain, family, asked, at + question.destination);
    this.protocol = asked[at + question.protocol]!;
    this.port = asked[at + question.port]!;
    this.declared = destination < 0 ? 0 : words[interfaces + destination * interfaceRow.size + interfaceRow.ports]!;
    answers[to] = source < 0 ? outcomes.none : this.side(0, source, destination, family, asked, at + question.destination);
    answers[to + 1] = destination < 0 ? outcomes.none : this.side(1, destination, source, family, asked, at + question.source);
  }

  private interfaceAt(domain: number, family: number, asked: Int32Array, at: number): number {
    if (domain < 0) return ends.nobody;
    const { words } = this;
    if (family === 4) {
      const address = asked[at]!;
      const base = words[header.addresses4]!;
      const mask = words[header.addresses4Mask]!;
      for (let index = mix(domain, address) & mask, left = mask; left >= 0; index = (index + 1) & mask, left--) {
        const offset = base + index * address4Slot.size;
        if (words[offset] === 0) return ends.nobody;
        if (words[offset] === domain + 1 && words[offset + address4Slot.address] === address)
          return words[offset + address4Slot.interface]!;
      }
      return ends.nobody;
    }
    const base = words[header.addresses6]!;
    const mask = words[header.addresses6Mask]!;
    const hash = mix(mix(mix(mix(domain, asked[at]!), asked[at + 1]!), asked[at + 2]!), asked[at + 3]!);
    for (let index = hash & mask, left = mask; left >= 0; index = (index + 1) & mask, left--) {
      const offset = base + index * address6Slot.size;
      if (words[offset] === 0) return ends.nobody;
      if (words[offset] !== domain + 1) continue;
      const address = offset + address6Slot.address;
      if (words[address] !== asked[at] || words[address + 1] !== asked[at + 1]) continue;
      if (words[address + 2] === asked[at + 2] && words[address + 3] === asked[at + 3]) return words[offset + address6Slot.interface]!;
    }
    return ends.nobody;
  }

  /** One side: the tiers in turn, then the posture. `peerAt` is where the other end's address stands. */
  private side(direction: number, local: number, peer: number, family: number, asked: Int32Array, peerAt: number): number {
    const { words } = this;
    const row = this.interfaces + local * interfaceRow.size;
    const space = words[row + interfaceRow.space]!;
    const own = words[header.classes]! + words[row + interfaceRow.class]! * classRow.size;
    const tables = words[header.tables]!;
    const platformTier = tables + direction * tableRow.size;
    const tenantTier = tables + (2 + 2 * space + direction) * tableRow.size;
    const baselineTier = tables + (2 + direction) * tableRow.size;
    if (words[platformTier]! > 0) {
      this.gather(0, peer, family, asked, peerAt);
      const rule = this.search(platformTier, words[own + classRow.platform]!, direction);
      if (rule !== undecided && (rule & 3) !== passBits) return rule;
    }
    if (words[tenantTier]! > 0) {
      this.gather(space, peer, family, asked, peerAt);
      const rule = this.search(tenantTier, words[own + classRow.own]!, direction);
      if (rule !== undecided && (rule & 3) !== passBits) return rule;
    }
    if (words[baselineTier]! > 0) {
      this.gather(0, peer, family, asked, peerAt);
      const rule = this.search(baselineTier, words[own + classRow.platform]!, 2 + direction);
      if (rule !== undecided && (rule & 3) !== passBits) return rule;
    }
    return words[words[header.spaces]! + space * spaceRow.size + spaceRow.open] === 1 ? outcomes.allowed : outcomes.denied;
  }

  /** The clauses of a space that the other end is in: by nothing, by its groups, by its address. */
  private gather(space: number, peer: number, family: number, asked: Int32Array, peerAt: number): void {
    const { words } = this;
    const row = words[header.spaces]! + space * spaceRow.size;
    this.clauseCount = this.clausesLow = this.clausesHigh = 0;
    if (peer >= 0) {
      const other = this.interfaces + peer * interfaceRow.size;
      const its = words[header.classes]! + words[other + interfaceRow.class]! * classRow.size;
      if (space === 0) this.pushRecord(words[its + classRow.platform]!);
      else if (words[other + interfaceRow.space] === space) this.pushRecord(words[its + classRow.own]!);
      else this.pushForeign(space, words[its + classRow.foreign]!);
    }
    let prefix = family === 4 ? this.prefix4(row, asked[peerAt]!) : this.prefix6(row, asked, peerAt);
    for (let depth = 0; prefix !== 0 && depth < chainMax; depth++, prefix = words[prefix + prefixBlock.parent]!) {
      const count = words[prefix + prefixBlock.count]!;
      this.pushAll(prefix + prefixBlock.clauses, count);
    }
    this.push(words[row + spaceRow.anyone]!);
  }

  private push(clause: number): void {
    if (this.clauseCount === this.clauses.length) this.roomForMore();
    this.clauses[this.clauseCount++] = clause;
    if (clause & 32) this.clausesHigh |= 1 << clause;
    else this.clausesLow |= 1 << clause;
  }

  private roomForMore(): void {
    if (this.clauses.length >= clausesMax) {
      this.clauseCount = 0;
      return;
    }
    const more = new Int32Array(this.clauses.length * 2);
    more.set(this.clauses);
    this.clauses = more;
  }

  private pushAll(at: number, count: number): void {
    const { words } = this;
    if (count > clausesMax) return;
    for (let index = 0; index < count; index++) this.push(words[at + index]!);
  }

  private pushRecord(at: number): void {
    const { words } = this;
    const first = words[at + record.clauses]!;
    this.pushAll(at + first, words[at + record.end]! - first);
  }

  /** Of an interface of another tenant a tenant's rules can mean only the platform's groups. */
  private pushForeign(space: number, groups: number): void {
    const { words } = this;
    const count = Math.min(clausesMax, words[groups]!);
    const base = words[header.foreign]!;
    const mask = words[header.foreignMask]!;
    for (let item = 1; item <= count; item++) {
      const group = words[groups + item]!;
      for (let index = mix(space, group) & mask, left = mask; left >= 0; index = (index + 1) & mask, left--) {
        const offset = base + index * foreignSlot.size;
        if (words[offset] === 0) break;
        if (words[offset] !== space + 1 || words[offset + foreignSlot.group] !== group) continue;
        const clauses = words[offset + foreignSlot.clauses]!;
        this.pushAll(clauses + 1, words[clauses]!);
        break;
      }
    }
  }

  private prefix4(row: number, address: number): number {
    const { words } = this;
    const count = words[row + spaceRow.count4]!;
    if (count === 0) return 0;
    const base = words[row + spaceRow.blocks4]!;
    const index = words[row + spaceRow.index4]!;
    let low = 0;
    let high = count - 1;
    if (index !== 0) {
      low = words[index + (address >>> 16)]!;
      high = words[index + (address >>> 16) + 1]!;
    }
    const wanted = biased(address);
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (words[base + middle]! <= wanted) low = middle;
      else high = middle - 1;
    }
    return words[base + words[row + spaceRow.capacity4]! + low]!;
  }

  private prefix6(row: number, asked: Int32Array, at: number): number {
    const { words } = this;
    const count = words[row + spaceRow.count6]!;
    if (count === 0) return 0;
    const base = words[row + spaceRow.blocks6]!;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (isAfter6(words, base + middle * 4, asked, at)) high = middle - 1;
      else low = middle;
    }
    return words[base + words[row + spaceRow.capacity6]! * 4 + low]!;
  }

  /** The first rule of a table, by rank, whose subject the local end is in, whose clause is among those gathered and whose service matches. */
  private search(table: number, groups: number, subjectList: number): number {
    const { words } = this;
    this.best = rankNone;
    this.rule = undecided;
    // Rules for few mostly stand before rules for all: the more is found early, the less is looked at.
    const last = groups + words[groups + subjectList + 1]!;
    for (let at = groups + words[groups + subjectList]!; at < last; at++) this.trySubject(words[at]!);
    const anything = words[table + tableRow.anything]!;
    if (anything !== 0) this.trySubject(anything - 1);
    return this.rule;
  }

  private trySubject(subject: number): void {
    const { words } = this;
    const row = this.subjects + subject * subjectRow.size;
    if (words[row + subjectRow.rank]! >= this.best) return;
    const low = words[row + subjectRow.clausesLow]! & this.clausesLow;
    const high = words[row + subjectRow.clausesHigh]! & this.clausesHigh;
    if ((low | high) === 0) return;
    const { clauses, clauseCount } = this;
    for (let index = 0; index < clauseCount; index++) {
      const clause = clauses[index]!;
      if (((clause & 32 ? high : low) >>> clause) & 1) this.tryPair(subject, clause);
    }
  }

  private tryPair(subject: number, clause: number): void {
    const { words, pairs, pairsMask: mask } = this;
    for (let index = mix(subject, clause) & mask, left = mask; left >= 0; index = (index + 1) & mask, left--) {
      const offset = pairs + index * slot.size;
      const key = words[offset]!;
      if (key === 0) return;
      if (key !== subject + 1 || words[offset + slot.clause] !== clause) continue;
      if (words[offset + slot.rank]! >= this.best) return;
      const entries = words[offset + slot.list]!;
      if (entries === 0) this.tryEntry(offset + slot.entry);
      else if (words[entries + list.kind] === listKind.linear) this.tryLinear(entries + list.entries, words[entries + list.count]!);
      else this.tryRanges(entries);
      return;
    }
  }

  private tryEntry(at: number): boolean {
    const { words, port } = this;
    const service = words[at + entry.service]!;
    if (service !== 0) {
      if ((service & 255) !== this.protocol) return false;
      const ports = words[at + entry.ports]!;
      if (port < (ports & 0xffff) || port > ports >>> 16) return false;
      if (service >>> nameShift !== 0 && !this.declares(service)) return false;
    }
    this.best = words[at + entry.rank]!;
    this.rule = words[at + entry.rule]!;
    return true;
  }

  /** Sorted by rank: the first that matches is the first there is. */
  private tryLinear(at: number, count: number): void {
    const { words } = this;
    const end = at + Math.min(count, clausesMax) * entry.size;
    for (let offset = at; offset < end; offset += entry.size) {
      if (words[offset + entry.rank]! >= this.best || this.tryEntry(offset)) return;
    }
  }

  private tryRanges(at: number): void {
    const { words } = this;
    const named = words[at + list.count]!;
    const sections = Math.min(16, words[at + list.entries]!);
    const first = at + list.entries + 1;
    for (let index = 0, section = first; index < sections; index++, section += 3) {
      const protocol = words[section]!;
      if (protocol !== this.protocol && protocol !== 0) continue;
      const count = words[section + 2]!;
      const starts = at + words[section + 1]!;
      let low = 0;
      let high = count - 1;
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if (words[starts + middle]! <= this.port) low = middle;
        else high = middle - 1;
      }
      const rank = words[starts + count + low]!;
      if (rank < this.best) {
        this.best = rank;
        this.rule = words[starts + 2 * count + low]!;
      }
      break;
    }
    if (named > 0) this.tryLinear(first + sections * 3, named);
  }

  /** Whether the destination declares the name in `service` as this very port. */
  private declares(service: number): boolean {
    const { words, declared } = this;
    if (declared === 0) return false;
    const count = Math.min(clausesMax, words[declared]!);
    const wanted = this.protocol * 65_536 + this.port;
    for (let index = 0; index < count; index++) {
      const at = declared + 1 + index * 2;
      if (words[at] === service >>> nameShift && words[at + 1] === wanted) return true;
    }
    return false;
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
