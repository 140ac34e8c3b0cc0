import { noBlock } from './arena.ts';
import type { Arena, Block } from './arena.ts';
import { writeEntry } from './entries.ts';
import type { Entry } from './entries.ts';
import { item, nameShift } from './layout.ts';
import type { Pair } from './pairs.ts';

/** Pairs with more entries than this are one item. */
const entriesMax = 3;

interface Item {
  readonly entry: Entry;
  readonly list: number;
  readonly subject: number;
}

/** Whether its entries stand in a list of their own, wherever the pair is written. */
export const isListed = ({ entries }: Pick<Pair, 'entries'>): boolean =>
  entries.length > entriesMax || entries.some(({ service }) => service >>> nameShift !== 0);

/** How many items there are at most. */
export const itemsOf = (pairs: Iterable<Pair>): number => {
  let count = 0;
  for (const pair of pairs) count += isListed(pair) ? 1 : pair.entries.length;
  return count;
};

/** A block with the items of these pairs, sorted by rank. */
export function writeItems(arena: Arena, pairs: Iterable<Pair>): { readonly block: Block; readonly count: number } {
  const items: Item[] = [];
  for (const { subject, entries, list } of pairs) {
    const [first] = entries;
    if (first && list.offset !== 0)
      items.push({ entry: { ...first, service: 0, first: 0, last: 65_535 }, list: list.offset, subject: subject.number });
    else for (const entry of entries) items.push({ entry, list: 0, subject: subject.number });
  }
  if (items.length === 0) return { block: noBlock, count: 0 };
  items.sort((a, b) => a.entry.rank - b.entry.rank);
  const length = items.length * item.size;
  const offset = arena.allocate(length);
  for (const [index, { entry, list, subject }] of items.entries()) {
    const at = offset + index * item.size;
    writeEntry(arena.words, at + item.entry, entry);
    arena.words[at + item.list] = list;
    arena.words[at + item.subject] = subject;
  }
  return { block: { offset, length }, count: items.length };
}
