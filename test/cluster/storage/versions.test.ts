import { expect, it } from 'vitest';
import { encodeRow } from '../../../cluster/storage/row.ts';
import { type RowBatch, VersionIndex } from '../../../cluster/storage/versions.ts';
import { withDirectory } from '../store/directory.ts';

async function countOf(batches: AsyncIterable<RowBatch>): Promise<number> {
  let rows = 0;
  for await (const batch of batches) rows += batch.length;
  return rows;
}

it('rows are those of one state while they are used, and keep it no longer, whether they were read or not', async () => {
  await withDirectory(async (directory) => {
    const index = await VersionIndex.open(directory, 1024 * 1024);
    const change = (key: string, revision: number) => ({
      key,
      row: encodeRow({ key, value: '', createRevision: revision, modRevision: revision }),
    });
    const commit = (revision: number) => ({ revision, wallMs: 0, requestId: '', changes: [change(`key/${revision}`, revision)] });
    index.apply([commit(1)], 1);
    const left: AsyncIterable<RowBatch>[] = [];
    const before = await index.rows(async (appliedIndex, batches) => {
      expect(appliedIndex).toBe(1);
      index.apply([commit(2)], 2);
      await index.settled();
      return countOf(batches);
    });
    expect(await index.rows((_, batches) => countOf(batches))).toBe(before + 1);
    await index.rows(async (_, batches) => left.push(batches));
    const abandoned = index.rows((_, batches) => {
      left.push(batches);
      return Promise.reject(new Error('nobody is there'));
    });
    await expect(abandoned).rejects.toThrow('nobody is there');
    for (const batches of left) await expect(countOf(batches)).rejects.toMatchObject({ code: 'LEVEL_SNAPSHOT_NOT_OPEN' });
    expect(left).toHaveLength(2);
    await index.close();
  });
});
