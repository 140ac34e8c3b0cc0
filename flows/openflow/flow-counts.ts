import { DecodeError } from '../../src/base/errors.ts';
import { Reader } from './reader.ts';

/**
 * Flow statistics without the flows: a host has tens of thousands of them, read again and again, of which only the counters are
 * looked at. Everything else is passed over, and the match stands as a number (OpenFlow 1.3.5 section 7.3.5.2, 1.5.1 sections 7.2.4.2
 * and 7.3.5.2).
 */
export interface FlowCount {
  readonly tableId: number;
  /** Table, priority and match, hashed to 52 bits: the same flow has the same number as long as the switch writes it the same way. */
  readonly flow: number;
  readonly cookieHigh: number;
  readonly cookieLow: number;
  readonly packets: number;
  readonly bytes: number;
  /** Since the flow was added or replaced. */
  readonly durationMs: number;
  /** Since a packet was last seen; only OpenFlow 1.5 tells. */
  readonly idleMs: number | undefined;
}

const headerBytes = 16;
const multipartReply = 19;
const flowPart = 1;
/** "Not counted", in the words of the specification. */
const unknownHalf = 0xffff_ffff;

/** Whether a frame is a part of the reply to the flow listing with that id. */
export function isFlowPart(frame: Uint8Array, xid: number): boolean {
  if (frame.length < headerBytes || frame[1] !== multipartReply) return false;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  return view.getUint32(4) === xid && view.getUint16(8) === flowPart;
}

/**
 * Reads one part, which `isFlowPart` has recognized.
 * @returns whether more follow
 * @throws DecodeError when the entries are not what they must be
 */
export function readFlowCounts(frame: Uint8Array, visit: (count: FlowCount) => void): boolean {
  const version = frame[0] ?? 0;
  const reader = new Reader(frame, version, 10);
  const more = (reader.u16() & 1) === 1;
  reader.skip(4);
  const entry = version < 6 ? entry13 : entry15;
  while (reader.left > 0) {
    const start = reader.offset;
    const length = reader.u16();
    if (length < 32) throw new DecodeError('bad_length', start, `a flow entry has ${length} bytes`);
    const outer = reader.narrow(start, length);
    visit(entry(reader, frame, start));
    reader.skip(reader.left);
    reader.widen(outer);
  }
  return more;
}

const counted = (high: number, low: number): number => (high === unknownHalf && low === unknownHalf ? 0 : high * 0x1_0000_0000 + low);

function entry13(reader: Reader, frame: Uint8Array, start: number): FlowCount {
  const tableId = reader.u8();
  reader.skip(1);
  const durationMs = reader.u32() * 1000 + Math.floor(reader.u32() / 1e6);
  const priority = reader.u16();
  reader.skip(start + 24 - reader.offset);
  const cookieHigh = reader.u32();
  const cookieLow = reader.u32();
  const packets = counted(reader.u32(), reader.u32());
  const bytes = counted(reader.u32(), reader.u32());
  const flow = flowNumber(tableId, priority, matchBytes(reader, frame));
  return { tableId, flow, cookieHigh, cookieLow, packets, bytes, durationMs, idleMs: undefined };
}

function entry15(reader: Reader, frame: Uint8Array, start: number): FlowCount {
  reader.skip(2);
  const tableId = reader.u8();
  reader.skip(1);
  const priority = reader.u16();
  reader.skip(start + 16 - reader.offset);
  const cookieHigh = reader.u32();
  const cookieLow = reader.u32();
  const flow = flowNumber(tableId, priority, matchBytes(reader, frame));
  return { tableId, flow, cookieHigh, cookieLow, ...statistics(reader) };
}

/** The conditions of `struct ofp_match` without its head and its padding, which is passed over too. */
function matchBytes(reader: Reader, frame: Uint8Array): Uint8Array {
  const start = reader.offset;
  reader.skip(2);
  const length = reader.u16();
  if (length < 4) throw new DecodeError('bad_length', start, `a match has ${length} bytes`);
  reader.skip(Math.ceil(length / 8) * 8 - 4);
  return frame.subarray(start + 4, start + length);
}

type Statistics = { -readonly [F in 'packets' | 'bytes' | 'durationMs' | 'idleMs']: FlowCount[F] };

/** `struct ofp_stats`: header of class, field and length, then the value. */
function statistics(reader: Reader): Statistics {
  const found: Statistics = { packets: 0, bytes: 0, durationMs: 0, idleMs: undefined };
  const start = reader.offset;
  reader.skip(2);
  const outer = reader.narrow(start, reader.u16());
  while (reader.left > 0) {
    const header = reader.u32();
    const length = header & 0xff;
    const field = header >>> 9;
    const isWhole = length === 8;
    if (isWhole && field === fields.packets) found.packets = counted(reader.u32(), reader.u32());
    else if (isWhole && field === fields.bytes) found.bytes = counted(reader.u32(), reader.u32());
    else if (isWhole && field === fields.duration) found.durationMs = reader.u32() * 1000 + Math.floor(reader.u32() / 1e6);
    else if (isWhole && field === fields.idle) found.idleMs = reader.u32() * 1000 + Math.floor(reader.u32() / 1e6);
    else reader.skip(length);
  }
  reader.widen(outer);
  return found;
}

/** Class 0x8002 and number, as the header has them above the experimenter bit. */
const field15 = (number: number): number => (0x8002 << 7) | number;
const fields = { duration: field15(0), idle: field15(1), packets: field15(4), bytes: field15(5) } as const;

/** FNV-1a in two lanes of 26 bits. */
function flowNumber(tableId: number, priority: number, match: Uint8Array): number {
  let high = Math.imul(0x811c9dc5 ^ tableId, 0x01000193) ^ priority;
  let low = Math.imul(0x9dc5a7 ^ priority, 0x00010dcd) + tableId;
  for (const byte of match) {
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul(low ^ byte, 0x00010dcd) + 0x9e37;
    low ^= low >>> 15;
  }
  return ((high ^ (high >>> 17)) & 0x3ff_ffff) * 0x400_0000 + ((low ^ (low >>> 13)) & 0x3ff_ffff);
}
