import type { Revision, Store } from '../../cluster/index.ts';
import { WeirError } from '../base/errors.ts';
import { prefixes } from './keys.ts';
import type { Key } from './keys.ts';
import type { FollowedEntry, Snapshot } from './ports.ts';
import { Records } from './records.ts';
import type { Cell } from './records.ts';

/** What is read and parsed without a break. */
const pageEntries = 200;

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

/** Versions can be compacted while their pages are read: then they are read again, newer. */
export async function loadNewest(store: Pick<Store, 'range'>, below?: readonly string[]): Promise<Loaded> {
  for (;;) {
    try {
      return await load(store, undefined, below);
    } catch (thrown) {
      if (!(thrown instanceof WeirError) || thrown.code !== 'compacted') throw thrown;
    }
  }
}

/** What a snapshot is made of. */
export const snapshotPrefixes = ['doc/', 'num/'] as const;

/** The past, as far as versions are kept. Rejects with `compacted`. */
export async function snapshotAt(store: Pick<Store, 'range'>, revision: Revision): Promise<Snapshot> {
  const records = new Records();
  const loaded = await load(store, revision, snapshotPrefixes);
  for (const [key, cell] of loaded.cells) records.write(key, cell);
  records.revision = loaded.revision;
  return records;
}

export const cellOf = (entry: FollowedEntry): Cell => ({ value: lean(JSON.parse(entry.value)), revision: entry.modRevision });

const nothing = Object.freeze({});
const none = Object.freeze([]);

/** A parsed value in which all that is empty is one: of the places for labels, ports, rules and exceptions hardly any has something in it. */
function lean(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    if (value.length === 0) return none;
    for (const [index, each] of value.entries()) if (typeof each === 'object') value[index] = lean(each);
    return value;
  }
  const fields = value as Record<string, unknown>;
  let isEmpty = true;
  for (const name in fields) {
    isEmpty = false;
    if (typeof fields[name] === 'object') fields[name] = lean(fields[name]);
  }
  return isEmpty ? nothing : fields;
}

/** The first key behind all keys with this prefix. Prefixes end in a slash. */
const endOf = (prefix: string): string => `${prefix.slice(0, -1)}0`;
