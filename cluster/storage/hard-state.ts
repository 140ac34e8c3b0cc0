import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../../src/base/errors.ts';
import type { HardState } from '../raft/types.ts';
import { CorruptionError } from './corruption.ts';
import { syncData, syncDirectory, writeAll } from './files.ts';

/**
 * Term and vote of a member, in two slots of a sector each, written in turn: a write that is torn leaves the other whole.
 *
 *     0  u32  magic 'VOTE'
 *     4  u32  CRC-32 of the rest of the slot
 *     8  u32  number of the write
 *    12  u32  bytes of the name; all ones: no vote
 *    16  f64  term
 *    24       name of the member that was voted for
 */
const slotBytes = 512;
const slotHeaderBytes = 24;
const magic = Buffer.from('VOTE').readUInt32LE(0);
const noVote = 0xffff_ffff;

interface Slot {
  readonly serial: number;
  readonly hardState: HardState;
}

export class HardStateFile {
  readonly #handle: FileHandle;
  #serial: number;
  #hardState: HardState;

  private constructor(handle: FileHandle, { serial, hardState }: Slot) {
    this.#handle = handle;
    this.#serial = serial;
    this.#hardState = hardState;
  }

  /** Rejects with a CorruptionError when there was one and neither slot is whole: this member could vote twice. */
  static async open(file: string): Promise<HardStateFile> {
    const handle = await open(file, 'a+');
    await handle.close();
    const reopened = await open(file, 'r+');
    try {
      const { size } = await reopened.stat();
      if (size === 0) {
        await writeAll(reopened.fd, Buffer.alloc(2 * slotBytes), 0);
        await reopened.sync();
        await syncDirectory(dirname(file));
        return new HardStateFile(reopened, { serial: 0, hardState: { term: 0, votedFor: undefined } });
      }
      const bytes = Buffer.alloc(2 * slotBytes);
      await reopened.read(bytes, 0, bytes.length, 0);
      const slots = [decodeSlot(bytes.subarray(0, slotBytes)), decodeSlot(bytes.subarray(slotBytes))].filter((slot) => slot !== undefined);
      const newest = slots.toSorted((left, right) => right.serial - left.serial)[0];
      if (newest !== undefined) return new HardStateFile(reopened, newest);
      if (bytes.every((byte) => byte === 0)) return new HardStateFile(reopened, { serial: 0, hardState: { term: 0, votedFor: undefined } });
      throw new CorruptionError(file, 'neither copy of the term and vote is whole');
    } catch (error) {
      await reopened.close();
      throw error;
    }
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  /** Durable when it settles. One at a time. */
  async write(hardState: HardState): Promise<void> {
    const serial = this.#serial + 1;
    await writeAll(this.#handle.fd, encodeSlot({ serial, hardState }), (serial % 2) * slotBytes);
    await syncData(this.#handle.fd);
    this.#serial = serial;
    this.#hardState = hardState;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function encodeSlot({ serial, hardState: { term, votedFor } }: Slot): Buffer {
  const name = Buffer.from(votedFor ?? '');
  assert(slotHeaderBytes + name.length <= slotBytes, 'names of members are bounded');
  const slot = Buffer.alloc(slotBytes);
  slot.writeUInt32LE(magic, 0);
  slot.writeUInt32LE(serial, 8);
  slot.writeUInt32LE(votedFor === undefined ? noVote : name.length, 12);
  slot.writeDoubleLE(term, 16);
  name.copy(slot, slotHeaderBytes);
  slot.writeUInt32LE(crc32(slot.subarray(8)), 4);
  return slot;
}

function decodeSlot(slot: Buffer): Slot | undefined {
  if (slot.readUInt32LE(0) !== magic || slot.readUInt32LE(4) !== crc32(slot.subarray(8))) return undefined;
  const nameBytes = slot.readUInt32LE(12);
  const votedFor = nameBytes === noVote ? undefined : slot.toString('utf8', slotHeaderBytes, slotHeaderBytes + nameBytes);
  return { serial: slot.readUInt32LE(8), hardState: { term: slot.readDoubleLE(16), votedFor } };
}
