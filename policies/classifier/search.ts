import {
  classRow,
  clauseRow,
  entry,
  foreignSlot,
  hashed,
  header,
  interfaceRow,
  item,
  list,
  listKind,
  mix,
  nameShift,
  pair,
  prefixNode,
  rankNone,
  record,
  section,
  slot,
  subjectRow,
  tableRow,
} from './layout.ts';

/** What a half-written count is held against: no list is longer, and a chain of prefixes has one for each length at most. */
const listMax = 2 ** 20;
const chainMax = 130;
/** No rule of the table matches. */
export const undecided = -4;

/**
 * The search through one table of rules, on any thread. While the words are being changed what is read may be anything: every loop is bounded and
 * offsets stay within the buffer; whether what was found counts is for `Reader` to say.
 */
export class Search {
  private words: Int32Array;
  /** Offsets that were read are held against it. */
  private mask = 0;
  private interfaces = 0;
  private classes = 0;
  private subjects = 0;
  private clauses = 0;
  private protocol = 0;
  private port = 0;
  /** The offset of the ports that the destination declares; 0: none. */
  private declared = 0;
  private best = rankNone;
  private rule = undecided;
  /** The subjects of the table that the local end is in: where their numbers stand, and that for everybody, -1 for none. */
  private subjectsAt = 0;
  private subjectsEnd = 0;
  private anything = 0;
  /** By number of a subject: that of the search in which the local end was in it last. */
  private stamps = new Int32Array(64);
  private searches = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /** Where everything is, as of now. */
  begin(words: Int32Array): void {
    this.words = words;
    this.mask = words.length - 1;
    this.interfaces = words[header.interfaces]!;
    this.classes = words[header.classes]!;
    this.subjects = words[header.subjects]!;
    this.clauses = words[header.clauses]!;
    const subjects = (words[header.subjectsMask]! & this.mask) + 1;
    if (subjects > this.stamps.length) this.stamps = new Int32Array(subjects);
  }

  /** For what the next searches are. `destination` is the number of an interface, negative: none. */
  ask(protocol: number, port: number, destination: number): void {
    this.protocol = protocol;
    this.port = port;
    this.declared = destination < 0 ? 0 : this.words[this.rowOf(destination) + interfaceRow.ports]! & this.mask;
  }

  /** The first rule of a table, by rank, whose subject the local end is in, whose clause the other end is in and whose service matches. */
  run(table: number, ownRecord: number, subjectList: number, space: number, peer: number, innermost: number): number {
    const { words, mask } = this;
    const own = ownRecord & mask;
    this.best = rankNone;
    this.rule = undecided;
    this.subjectsAt = own + words[own + subjectList]!;
    this.subjectsEnd = Math.min(own + words[own + subjectList + 1]!, this.subjectsAt + listMax);
    this.anything = words[table + tableRow.anything]! - 1;
    this.stampSubjects();
    // Rules for few mostly stand before rules for all: the more is found early, the less is looked at.
    for (let depth = 0, node = innermost & mask; node !== 0 && depth < chainMax; depth++, node = words[node + prefixNode.parent]! & mask) {
      if (words[node + prefixNode.rank]! >= this.best) continue;
      this.tryItems(words[node + prefixNode.items]!, words[node + prefixNode.itemCount]!);
      const clauses = words[node + prefixNode.clauseCount]!;
      if (clauses !== 0) this.tryClauses(words[node + prefixNode.clauses]!, clauses);
    }
    if (peer >= 0) this.tryGroups(space, peer);
    this.tryAnybody();
    return this.rule;
  }

  private stampSubjects(): void {
    const { words, mask, stamps, subjectsEnd, anything } = this;
    if (this.searches === 0x7fffffff) {
      stamps.fill(0);
      this.searches = 0;
    }
    const search = ++this.searches;
    const last = stamps.length - 1;
    for (let index = this.subjectsAt; index < subjectsEnd; index++) stamps[words[index & mask]! & last] = search;
    if (anything >= 0) stamps[anything & last] = search;
  }

  /** What rules say of anybody stands with their subjects. */
  private tryAnybody(): void {
    const { words, mask, subjects, subjectsEnd, anything } = this;
    for (let index = this.subjectsAt; index < subjectsEnd; index++) {
      const at = (subjects + words[index & mask]! * subjectRow.size) & mask;
      if (words[at]! < this.best) this.tryPair(at);
    }
    if (anything >= 0) this.tryPair(subjects + anything * subjectRow.size);
  }

  private rowOf(number: number): number {
    return (this.interfaces + number * interfaceRow.size) & this.mask;
  }

  /** The clauses that name a group of the other end's. */
  private tryGroups(space: number, peer: number): void {
    const { words, mask } = this;
    const row = this.rowOf(peer);
    const its = (this.classes + words[row + interfaceRow.class]! * classRow.size) & mask;
    if (space !== 0 && words[row + interfaceRow.space] !== space) {
      this.tryForeign(space, words[its + classRow.foreign]! & mask);
      return;
    }
    const at = words[its + (space === 0 ? classRow.platform : classRow.own)]! & mask;
    const first = words[at + record.clauses]!;
    this.tryClauses(at + first, words[at + record.end]! - first);
  }

  /** Of an interface of another tenant a tenant's rules can mean only the platform's groups. */
  private tryForeign(space: number, groups: number): void {
    const { words } = this;
    const count = Math.min(listMax, words[groups]!);
    const base = words[header.foreign]!;
    const mask = words[header.foreignMask]!;
    for (let position = 1; position <= count; position++) {
      const group = words[(groups + position) & this.mask]!;
      for (let index = mix(space, group) & mask, left = mask; left >= 0; index = (index + 1) & mask, left--) {
        const offset = (base + index * foreignSlot.size) & this.mask;
        if (words[offset] === 0) break;
        if (words[offset] !== space + 1 || words[offset + foreignSlot.group] !== group) continue;
        const clauses = words[offset + foreignSlot.clauses]! & this.mask;
        this.tryClauses(clauses + 1, words[clauses]!);
        break;
      }
    }
  }

  private tryClauses(at: number, count: number): void {
    const { words, mask } = this;
    const end = at + Math.min(listMax, count);
    for (let index = at; index < end; index++) {
      const row = (this.clauses + words[index & mask]! * clauseRow.size) & mask;
      if (words[row + clauseRow.rank]! >= this.best) continue;
      const items = words[row + clauseRow.count]!;
      if (items === hashed) this.trySlots(words[index & mask]!);
      else this.tryItems(words[row + clauseRow.list]! & mask, items);
    }
  }

  /** Sorted by rank. What an item asks for is told without a branch: seldom does one match, and never is it foreseen which. */
  private tryItems(from: number, count: number): void {
    const { words, mask, stamps, searches, protocol, port } = this;
    const last = stamps.length - 1;
    let at = from & mask;
    for (let left = Math.min(listMax, count); left > 0; left--, at = (at + item.size) & mask) {
      const rank = words[at]!;
      const service = words[at + entry.service]!;
      const ports = words[at + entry.ports]!;
      const isOther = stamps[words[at + item.subject]! & last]! ^ searches;
      const isBeside = (port - (ports & 0xffff)) | ((ports >>> 16) - port);
      if ((isOther | (isBeside & 0x80000000) | Math.imul(service, service ^ protocol)) !== 0) continue;
      if (rank >= this.best) return;
      const entries = words[at + item.list]! & mask;
      if (entries !== 0) this.tryList(entries);
      else {
        this.best = rank;
        this.rule = words[at + entry.rule]!;
        return;
      }
    }
  }

  /** Each of the local end's subjects may have a pair with a clause that has many. */
  private trySlots(clause: number): void {
    const { words, mask, subjectsAt, subjectsEnd } = this;
    for (let index = subjectsAt; index < subjectsEnd; index++) this.trySlot(words[index & mask]!, clause);
    if (this.anything >= 0) this.trySlot(this.anything, clause);
  }

  private trySlot(subject: number, clause: number): void {
    const { words } = this;
    const base = words[header.pairs]!;
    const mask = words[header.pairsMask]!;
    for (let index = mix(subject, clause) & mask, left = mask; left >= 0; index = (index + 1) & mask, left--) {
      const offset = (base + index * slot.size) & this.mask;
      const key = words[offset]!;
      if (key === 0) return;
      if (key !== subject + 1 || words[offset + slot.clause] !== clause) continue;
      this.tryPair(offset + slot.pair);
      return;
    }
  }

  private tryPair(from: number): void {
    const { words, mask } = this;
    const at = from & mask;
    if (words[at + entry.rank]! >= this.best) return;
    const entries = words[at + pair.list]! & mask;
    if (entries === 0) this.tryEntry(at);
    else this.tryList(entries);
  }

  private tryList(at: number): void {
    const { words } = this;
    if (words[at + list.kind] === listKind.linear) this.tryLinear(at + list.entries, words[at + list.count]!);
    else this.tryRanges(at);
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
    const { words, mask } = this;
    const end = at + Math.min(count, listMax) * entry.size;
    for (let offset = at; offset < end; offset += entry.size) {
      if (words[offset & mask]! >= this.best || this.tryEntry(offset & mask)) return;
    }
  }

  private tryRanges(at: number): void {
    const { words, mask } = this;
    const named = words[at + list.count]!;
    const sections = Math.min(16, words[at + list.entries]!);
    const first = at + list.entries + 1;
    for (let index = 0, from = first; index < sections; index++, from += section.size) {
      const protocol = words[from]!;
      if (protocol !== this.protocol && protocol !== 0) continue;
      this.trySection(at, from);
      break;
    }
    if (named > 0) this.tryLinear((first + sections * section.size) & mask, named);
  }

  private trySection(at: number, from: number): void {
    const { words, mask, port } = this;
    const count = words[from + section.count]!;
    const starts = at + words[from + section.starts]!;
    const indexed = words[from + section.index]!;
    let low = 0;
    let high = count - 1;
    if (indexed !== 0) {
      const index = (at + indexed + (port >>> 8)) & mask;
      low = words[index]!;
      high = words[index + 1]!;
    }
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (words[(starts + middle) & mask]! <= port) low = middle;
      else high = middle - 1;
    }
    const rank = words[(starts + count + low) & mask]!;
    if (rank >= this.best) return;
    this.best = rank;
    this.rule = words[(starts + 2 * count + low) & mask]!;
  }

  /** Whether the destination declares the name in `service` as this very port. */
  private declares(service: number): boolean {
    const { words, declared, mask } = this;
    if (declared === 0) return false;
    const end = declared + 1 + 2 * Math.min(listMax, words[declared]!);
    const wanted = this.protocol * 65_536 + this.port;
    for (let at = declared + 1; at < end; at += 2) {
      if (words[at & mask] === service >>> nameShift && words[(at + 1) & mask] === wanted) return true;
    }
    return false;
  }
}
