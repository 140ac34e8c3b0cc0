import type { Arena } from './arena.ts';
import { entry, list, listKind, nameShift, rankNone } from './layout.ts';

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
const sectionSize = 3;
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

/** The winner for each range of ports: ranges of `starts` ascending, beginning with 0. */
interface Section {
  readonly protocol: number;
  readonly starts: readonly number[];
  readonly winners: readonly Pick<Entry, 'rank' | 'rule'>[];
}

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
  const namedAt = first + sections.length * sectionSize;
  let data = namedAt + named.length * entry.size;
  const length = data + sections.reduce((sum, { starts }) => sum + starts.length * 3, 0);
  const offset = arena.allocate(length);
  const { words } = arena;
  words[offset + list.kind] = listKind.ranges;
  words[offset + list.count] = named.length;
  words[offset + list.entries] = sections.length;
  for (const [index, each] of named.entries()) writeEntry(words, offset + namedAt + index * entry.size, each);
  for (const [index, { protocol, starts, winners }] of sections.entries()) {
    words.set([protocol, data, starts.length], offset + first + index * sectionSize);
    for (const [position, start] of starts.entries()) {
      words[offset + data + position] = start;
      words[offset + data + starts.length + position] = winners[position]?.rank ?? rankNone;
      words[offset + data + 2 * starts.length + position] = winners[position]?.rule ?? nothing.rule;
    }
    data += starts.length * 3;
  }
  return { offset, length };
}

/** Each entry, by rank, takes the ranges of ports that nobody before it took. */
function sectionOf(protocol: number, entries: readonly Entry[]): Section {
  const portsOf = ({ service, first, last }: Entry): readonly [number, number] => (service === 0 ? [0, 65_535] : [first, last]);
  const cuts = new Set([0]);
  for (const each of entries) {
    const [first, last] = portsOf(each);
    cuts.add(first);
    if (last < 65_535) cuts.add(last + 1);
  }
  const starts = [...cuts].toSorted((a, b) => a - b);
  const at = new Map(starts.map((start, index) => [start, index]));
  const winners: Pick<Entry, 'rank' | 'rule'>[] = starts.map(() => nothing);
  // The next range at or behind each that is still free.
  const next = Array.from({ length: starts.length + 1 }, (_, index) => index);
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
    const [first, last] = portsOf(each);
    const end = last < 65_535 ? (at.get(last + 1) ?? starts.length) : starts.length;
    for (let index = freeFrom(at.get(first) ?? 0); index < end; index = freeFrom(index)) {
      winners[index] = each;
      next[index] = index + 1;
    }
  }
  const kept = starts.map((_, index) => index).filter((index) => index === 0 || winners[index] !== winners[index - 1]);
  return { protocol, starts: kept.map((index) => starts[index] ?? 0), winners: kept.map((index) => winners[index] ?? nothing) };
}
