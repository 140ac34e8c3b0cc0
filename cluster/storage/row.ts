import { crc32 } from 'node:zlib';
import type { Entry } from '../store/port.ts';

/**
 * An entry as the index keeps it, in text: 8 hex digits of the CRC-32 of the key and of what follows, create revision,
 * space, mod revision, space, value. The index reads without paranoid checks, so each row carries its own.
 */
export function encodeRow(entry: Entry): string {
  const body = `${entry.createRevision} ${entry.modRevision} ${entry.value}`;
  return checksum(entry.key, body) + body;
}

/** Undefined when the row is not what was written for that key. */
export function decodeRow(key: string, row: string): Entry | undefined {
  const body = row.slice(8);
  if (row.slice(0, 8) !== checksum(key, body)) return undefined;
  const createEnd = body.indexOf(' ');
  const modEnd = body.indexOf(' ', createEnd + 1);
  return {
    key,
    value: body.slice(modEnd + 1),
    createRevision: Number(body.slice(0, createEnd)),
    modRevision: Number(body.slice(createEnd + 1, modEnd)),
  };
}

function checksum(key: string, body: string): string {
  const sum = crc32(body, crc32(key));
  return hexOf(sum >>> 24) + hexOf((sum >>> 16) & 0xff) + hexOf((sum >>> 8) & 0xff) + hexOf(sum & 0xff);
}

const hexOfBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const hexOf = (byte: number): string => hexOfBytes[byte] ?? '';
