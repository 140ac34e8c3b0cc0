import type { Arena } from './arena.ts';
import { entry, list, listKind, nameShift, rankNone, section } from './layout.ts';

/** One service of one rule. */
export interface Entry {
  readonly rank: number;
  /** Number and action: what a decision answers. */
  readonly rule: number;
  /** Protocol, and the number of the port's name above it; 0: any. */
  readonly service: number;
  readonly first: number;
  readonly last: number;
}

/** Longer lists are searched by port. */
const linearMax = 12;
/** From so many ranges on the high byte of a port says where to look. */
const indexedFrom = 32;
const indexSize = 257;
const nothing: Pick<Entry, 'rank' | 'rule'> = { rank: rankNone, rule: -4 };

export function writeEntry(words: Int32Array, at: number, { rank, rule, service, first, last }: Entry): void {
  words[at + entry.rank] = rank;
  words[at + entry.rule] = rule;
  words[at + entry.service] = service;
  words[at + entry.ports] = first | (last << 16);
}

/** A block with entries that are sorted by rank. @returns its offset and length */
export function writeList(arena: Arena, entries: readonly Entry[]): { readonly offset: number; readonly length: number } {
  if (entries.length > linearMax) return writeRanges(arena, entries);
  const length = list.entries + entries.length * entry.size;
  const offset = arena.allocate(length);
  const { words } = arena;
  words[offset + list.kind] = listKind.linear;
  words[offset + list.count] = entries.length;
  for (const [index, each] of entries.entries()) writeEntry(words, offset + list.entries + index * entry.size, each);
  return { offset, length };
}

/** The winner for each range of ports. */
interface Section {
  readonly protocol: number;
  /** Ascending, beginning with 0. */
  readonly starts: readonly number[];
  readonly winners: readonly Pick<Entry, 'rank' | 'rule'>[];
}

const isIndexed = ({ starts }: Section): boolean => starts.length >= indexedFrom;
const lengthOf = (each: Section): number => each.starts.length * 3 + (isIndexed(each) ? indexSize : 0);

function writeRanges(arena: Arena, entries: readonly Entry[]): { readonly offset: number; readonly length: number } {
  const named = entries.filter((each) => each.service >>> nameShift !== 0);
  const plain = entries.filter((each) => each.service >>> nameShift === 0);
  const protocols = [...new Set(plain.map((each) => each.service))].filter((protocol) => protocol !== 0);
  const sections = [...protocols, 0].map((protocol) =>
    sectionOf(
      protocol,
      plain.filter((each) => each.service === 0 || each.service === protocol),
    ),
  );
  const first = list.entries + 1;
  const namedAt = first + sections.length * section.size;
  let data = namedAt + named.length * entry.size;
  const length = data + sections.reduce((sum, each) => sum + lengthOf(each), 0);
  const offset = arena.allocate(length);
  const { words } = arena;
  words[offset + list.kind] = listKind.ranges;
  words[offset + list.count] = named.length;
  words[offset + list.entries] = sections.length;
  for (const [index, each] of named.entries()) writeEntry(words, offset + namedAt + index * entry.size, each);
  for (const [index, each] of sections.entries()) {
    const at = offset + first + index * section.size;
    words[at + section.protocol] = each.protocol;
    words[at + section.starts] = data;
    words[at + section.count] = each.starts.length;
    words[at + section.index] = isIndexed(each) ? data + each.starts.length * 3 : 0;
    writeSection(words, offset + data, each);
    data += lengthOf(each);
  }
  return { offset, length };
}

function writeSection(words: Int32Array, at: number, each: Section): void {
  const { starts, winners } = each;
  for (const [position, start] of starts.entries()) {
    words[at + position] = start;
    words[at + starts.length + position] = winners[position]?.rank ?? rankNone;
    words[at + 2 * starts.length + position] = winners[position]?.rule ?? nothing.rule;
  }
  if (!isIndexed(each)) return;
  const index = at + starts.length * 3;
  let position = 0;
  for (let high = 0; high < indexSize; high++) {
    while (position + 1 < starts.length && (starts[position + 1] ?? 0) <= high * 256) position++;
    words[index + high] = position;
  }
}

const portsMax = 65_535;
/** A bit for each port at which a range begins, and for each port the position of the range that begins there. */
const cuts = new Uint32Array((portsMax + 1) / 32);
const positions = new Uint16Array(portsMax + 1);

/** Each entry, by rank, takes the ranges of ports that nobody before it took. */
function sectionOf(protocol: number, entries: readonly Entry[]): Section {
  const firstOf = ({ service, first }: Entry): number => (service === 0 ? 0 : first);
  const lastOf = ({ service, last }: Entry): number => (service === 0 ? portsMax : last);
  const cut = (port: number): void => void (cuts[port >>> 5] = (cuts[port >>> 5] ?? 0) | (1 << port));
  cuts.fill(0);
  cut(0);
  for (const each of entries) {
    cut(firstOf(each));
    if (lastOf(each) < portsMax) cut(lastOf(each) + 1);
  }
  const starts: number[] = [];
  for (let word = 0; word < cuts.length; word++) {
    for (let bits = cuts[word] ?? 0; bits !== 0; bits &= bits - 1) {
      const port = word * 32 + 31 - Math.clz32(bits & -bits);
      positions[port] = starts.length;
      starts.push(port);
    }
  }
  const winners: Pick<Entry, 'rank' | 'rule'>[] = starts.map(() => nothing);
  // The next range at or behind each that is still free.
  const next = Int32Array.from({ length: starts.length + 1 }, (_, index) => index);
  const freeFrom = (index: number): number => {
    let free = index;
    while (next[free] !== free) free = next[free] ?? free;
    for (let step = index; step !== free;) {
      const after = next[step] ?? free;
      next[step] = free;
      step = after;
    }
    return free;
  };
  for (const each of entries) {
    const end = lastOf(each) < portsMax ? (positions[lastOf(each) + 1] ?? 0) : starts.length;
    for (let index = freeFrom(positions[firstOf(each)] ?? 0); index < end; index = freeFrom(index)) {
      winners[index] = each;
      next[index] = index + 1;
    }
  }
  const kept = starts.map((_, index) => index).filter((index) => index === 0 || winners[index] !== winners[index - 1]);
  return { protocol, starts: kept.map((index) => starts[index] ?? 0), winners: kept.map((index) => winners[index] ?? nothing) };
}
