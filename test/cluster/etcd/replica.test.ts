import { expect, it } from 'vitest';
import { Replica } from '../../../cluster/etcd/replica.ts';
import { withDirectory } from '../store/directory.ts';

it('who reads waits for a copy that is opened again as long as it says, and who says nothing until that is over', () =>
  withDirectory(async (directory) => {
    const replica = await Replica.open(directory, 1024 * 1024);
    const held = Promise.withResolvers<void>();
    const holding = replica.read(() => held.promise);
    const reopened = replica.reopen();
    const reading = replica.read(async (index) => index.applied);
    await expect(replica.read(async (index) => index.applied, 1)).rejects.toMatchObject({ code: 'store-busy' });
    const patient = replica.read(async (index) => index.applied, 600_000);
    held.resolve();
    await holding;
    await reopened;
    expect(await Promise.all([reading, patient])).toEqual([0, 0]);
    await replica.close();
  }));
