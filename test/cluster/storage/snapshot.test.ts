import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeChunks, SnapshotDirectory } from '../../../cluster/storage/snapshot.ts';
import type { RowBatch } from '../../../cluster/storage/versions.ts';
import { withDirectory } from '../store/directory.ts';

async function* batches(): AsyncGenerator<RowBatch> {
  for (const first of [0, 2]) yield [0, 1].map((at) => [`ck${first + at}`, `row ${first + at}`] as const);
}

/** The stream as it comes when the connection is lost behind so many bytes: whole chunks, and a part of one. */
async function* cut(chunks: readonly Buffer[], bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for (const chunk of chunks) {
    if (left <= 0) return;
    yield chunk.subarray(0, left);
    left -= chunk.length;
  }
}

it('a snapshot that is cut at any byte is refused and counts for nothing; the whole one is taken behind it', async () => {
  await withDirectory(async (directory) => {
    const snapshots = new SnapshotDirectory(directory);
    const chunks: Buffer[] = [];
    for await (const chunk of encodeChunks(batches())) chunks.push(chunk);
    const size = chunks.reduce((sum, { length }) => sum + length, 0);
    for (let bytes = 0; bytes < size; bytes++) {
      await expect(snapshots.receive(cut(chunks, bytes)), `cut behind ${bytes} of ${size} bytes`).rejects.toMatchObject({
        code: 'malformed-snapshot',
      });
      expect(await snapshots.staged()).toBeUndefined();
    }
    // Chunks in another order, or one that is missing.
    await expect(snapshots.receive(cut([...chunks.slice(1, 2), ...chunks], size))).rejects.toMatchObject({ code: 'malformed-snapshot' });
    await snapshots.receive(cut(chunks, size));
    expect(existsSync(join(directory, 'index-incoming', 'CURRENT'))).toBe(true);
  });
});
