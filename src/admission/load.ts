import type { Entry, Revision, Store } from '../../cluster/index.ts';
import { prefixes } from './keys.ts';
import type { Key } from './keys.ts';
import type { Cell } from './records.ts';

const pageEntries = 1000;

export interface Loaded {
  readonly revision: Revision;
  readonly cells: Iterable<readonly [Key, Cell]>;
}

/** Everything below the prefixes as it was at one revision; absent: the newest. */
export async function load(store: Pick<Store, 'range'>, at?: Revision, below: readonly string[] = prefixes): Promise<Loaded> {
  const cells: [Key, Cell][] = [];
  let revision = at;
  for (const prefix of below) {
    let start = prefix;
    for (let more = true; more;) {
      const page = await store.range({
        start,
        end: endOf(prefix),
        limit: pageEntries,
        ...(revision === undefined ? {} : { at: revision }),
      });
      revision ??= page.revision;
      for (const entry of page.entries) cells.push([entry.key, cellOf(entry)]);
      const last = page.entries.at(-1);
      more = page.more && last !== undefined;
      if (last !== undefined) start = `${last.key}\0`;
    }
  }
  return { revision: revision ?? 0, cells };
}

export const cellOf = (entry: Entry): Cell => ({ value: JSON.parse(entry.value) as unknown, revision: entry.modRevision });

/** The first key behind all keys with this prefix. Prefixes end in a slash. */
const endOf = (prefix: string): string => `${prefix.slice(0, -1)}0`;
