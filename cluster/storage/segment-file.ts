import { type FileHandle, open, unlink } from 'node:fs/promises';
import { syncData, syncDirectory, writeAll } from './files.ts';
import { type SegmentBase, segmentHeader } from './segment.ts';
import { newSegment, type Segment, segmentFile } from './verification.ts';

/** A file that is to become a segment. */
export interface SegmentFile {
  readonly sequence: number;
  readonly file: string;
  readonly handle: FileHandle;
}

const zeroBlock = Buffer.alloc(1024 * 1024);

/** A file for a segment, all zeros, durable and named. Rejects with what the system said; nothing is left of it then. */
export async function allocate(directory: string, sequence: number, segmentBytes: number): Promise<SegmentFile> {
  const file = segmentFile(directory, sequence);
  const handle = await open(file, 'w+');
  try {
    for (let at = 0; at < segmentBytes; at += zeroBlock.length) {
      await writeAll(handle.fd, zeroBlock.subarray(0, Math.min(zeroBlock.length, segmentBytes - at)), at);
      await syncData(handle.fd);
    }
    await handle.sync();
    await syncDirectory(directory);
    return { sequence, file, handle };
  } catch (error) {
    await handle.close();
    await unlink(file);
    throw error;
  }
}

/** From now on the segment is a part of the log. */
export async function begin(
  { sequence, file, handle }: SegmentFile,
  base: SegmentBase,
): Promise<{ readonly segment: Segment; readonly handle: FileHandle }> {
  const { size } = await handle.stat();
  await writeAll(handle.fd, segmentHeader(sequence, base), 0);
  await syncData(handle.fd);
  return { segment: newSegment(sequence, file, base, size), handle };
}
