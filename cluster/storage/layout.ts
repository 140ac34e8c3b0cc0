import type { Revision } from '../store/port.ts';

/**
 * The keys of the index:
 *
 *     c KEY                      the current entry of KEY
 *     h KEY' 00 00 REVISION      the entry of KEY that the commit at REVISION replaced or deleted
 *     s REVISION                 ids of the requests that were committed at REVISION and behind it, JSON
 *     m NAME                     what the index says of itself
 *
 * KEY' has 00 written as 00 01, so that rows are ordered by key, then by revision (16 digits).
 */
export function currentKey(key: string): string {
  return `c${key}`;
}

export function historyKey(key: string, replacedAt: Revision): string {
  return `${historyPrefix(key)}\0\0${String(replacedAt).padStart(16, '0')}`;
}

/** Sorts before every history row of `key` and behind those of all smaller keys. */
export function historyPrefix(key: string): string {
  return `h${key.includes('\0') ? key.replaceAll('\0', '\0\u0001') : key}`;
}

/** Where all history rows are. */
export const historyRows = { gte: 'h', lt: 'i' };

const historySuffixLength = 18;

export function parseHistoryKey(row: string): { key: string; replacedAt: Revision } {
  const escaped = row.slice(1, -historySuffixLength);
  return {
    key: escaped.includes('\0') ? escaped.replaceAll('\0\u0001', '\0') : escaped,
    replacedAt: Number(row.slice(-16)),
  };
}

export function requestsKey(revision: Revision): string {
  return `s${String(revision).padStart(16, '0')}`;
}

/** Where all rows of requests are. */
export const requestRows = { gte: 's', lt: 't' };
/** Where version 1 had others, which nobody reads any more. */
export const requestRowsBefore = { gte: 'r', lt: 's' };

/** Every commit up to it is in the index. */
export const appliedKey = 'mapplied';
/** The entry of the log up to which the index has everything. */
export const appliedIndexKey = 'mindex';
/** Reads below it are refused. */
export const compactedKey = 'mcompacted';
/** Versions that ended at or before it are gone. */
export const sweptKey = 'mswept';
/** Behind every key of the index. */
export const beyondKeys = ['~', '~~'] as const;
