import { DecodeError } from '../../src/base/errors.ts';
import type { Revision } from '../store/port.ts';

/**
 * The keys in etcd, below the prefix:
 *
 *     marks/head                  the last record: { revision, wallMs }
 *     log/REVISION.WALLMS.ID      a record: the commits of one group; REVISION is that of the last one
 *     parts/ID/NUMBER             what did not fit into the record
 *     base/KEY                    the row of KEY after the commit at `folded`
 *     marks/state                 { compacted, wallMs, folded }: reads below `compacted` are refused; the base has
 *                                 everything up to `folded`, and of what is between them some
 *     members/ID                  who is there, under its lease
 *     mail/ID/LETTER              what that member is told or asked, under a lease of who does
 *
 * Base and log are the whole store: nothing depends on how long etcd itself keeps its history.
 */
export class EtcdLayout {
  readonly prefix: string;
  /** Before `head` and `state`. */
  readonly marks: Buffer;
  readonly head: Buffer;
  readonly state: Buffer;
  readonly base: string;
  readonly log: string;
  readonly members: Buffer;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.marks = Buffer.from(`${prefix}/marks/`);
    this.head = Buffer.from(`${prefix}/marks/head`);
    this.state = Buffer.from(`${prefix}/marks/state`);
    this.base = `${prefix}/base/`;
    this.log = `${prefix}/log/`;
    this.members = Buffer.from(`${prefix}/members/`);
  }

  baseKey(key: string): Buffer {
    return Buffer.from(this.base + key);
  }

  get marksEnd(): Buffer {
    return Buffer.from(`${this.prefix}/marks0`);
  }

  get membersEnd(): Buffer {
    return Buffer.from(`${this.prefix}/members0`);
  }

  /** Behind all keys of the base. */
  get baseEnd(): Buffer {
    return Buffer.from(`${this.prefix}/base0`);
  }

  logKey({ revision, wallMs, id }: RecordName): Buffer {
    return Buffer.from(`${this.log}${padded(revision)}.${padded(wallMs)}.${id}`);
  }

  /** Before the records whose last commit is at `revision` or behind it. */
  logFrom(revision: Revision): Buffer {
    return Buffer.from(this.log + padded(revision));
  }

  get logEnd(): Buffer {
    return Buffer.from(`${this.prefix}/log0`);
  }

  /** Throws a DecodeError. */
  parseLogKey(key: Buffer): RecordName {
    const text = key.toString('utf8', Buffer.byteLength(this.log));
    const parts = /^(\d{16})\.(\d{16})\.([0-9a-f-]{36})$/.exec(text);
    if (parts === null) throw new DecodeError('malformed-record', 0, `${JSON.stringify(text)} is no name of a record`);
    return { revision: Number(parts[1]), wallMs: Number(parts[2]), id: parts[3] ?? '' };
  }

  partKey(id: string, part: number): Buffer {
    return Buffer.from(`${this.prefix}/parts/${id}/${String(part).padStart(4, '0')}`);
  }

  boxOf(member: string): Buffer {
    return Buffer.from(`${this.prefix}/mail/${member}/`);
  }

  boxEnd(member: string): Buffer {
    return Buffer.from(`${this.prefix}/mail/${member}0`);
  }

  letterKey(member: string, letter: string): Buffer {
    return Buffer.from(`${this.prefix}/mail/${member}/${letter}`);
  }

  partsOf(id: string): Buffer {
    return Buffer.from(`${this.prefix}/parts/${id}/`);
  }

  partsEnd(id: string): Buffer {
    return Buffer.from(`${this.prefix}/parts/${id}0`);
  }
}

/** What the key of a record says. */
export interface RecordName {
  readonly revision: Revision;
  readonly wallMs: number;
  readonly id: string;
}

const padded = (number: number): string => String(number).padStart(16, '0');

/** The last record; of an empty store revision 0. */
export interface Head {
  readonly revision: Revision;
  readonly wallMs: number;
  /** etcd's own revision of it, 0 when it was never written. */
  readonly modRevision: string;
}

export function encodeHead({ revision, wallMs }: Omit<Head, 'modRevision'>): Buffer {
  return Buffer.from(JSON.stringify({ revision, wallMs }));
}

export interface BaseState {
  readonly compacted: Revision;
  /** Of the commit at `compacted`. */
  readonly wallMs: number;
  readonly folded: Revision;
  readonly modRevision: string;
}

export function encodeBaseState({ compacted, wallMs, folded }: Omit<BaseState, 'modRevision'>): Buffer {
  return Buffer.from(JSON.stringify({ compacted, wallMs, folded }));
}

interface StoredValue {
  readonly value: Buffer;
  readonly mod_revision: string;
}

export function decodeHead(stored: StoredValue | undefined): Head {
  if (stored === undefined) return { revision: 0, wallMs: 0, modRevision: '0' };
  const [revision, wallMs] = numbersOf(stored.value, ['revision', 'wallMs']);
  return { revision, wallMs, modRevision: stored.mod_revision };
}

export function decodeBaseState(stored: StoredValue | undefined): BaseState {
  if (stored === undefined) return { compacted: 0, wallMs: 0, folded: 0, modRevision: '0' };
  const [compacted, wallMs, folded] = numbersOf(stored.value, ['compacted', 'wallMs', 'folded']);
  return { compacted, wallMs, folded, modRevision: stored.mod_revision };
}

function numbersOf<const Names extends readonly string[]>(value: Buffer, names: Names): { readonly [At in keyof Names]: number } {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(value.toString()) as Record<string, unknown>;
  } catch (cause) {
    throw new DecodeError('malformed-record', 0, `${JSON.stringify(value.toString())} is no JSON (${String(cause)})`);
  }
  const numbers = names.map((name) => parsed[name]);
  if (!numbers.every((number) => Number.isSafeInteger(number))) {
    throw new DecodeError('malformed-record', 0, `${JSON.stringify(value.toString())} lacks ${names.join(' or ')}`);
  }
  return numbers as unknown as { readonly [At in keyof Names]: number };
}
