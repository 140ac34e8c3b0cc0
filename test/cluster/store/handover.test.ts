import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { MemberStore } from '../../../cluster/index.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { withDirectory } from './directory.ts';
import { Members } from './members.ts';

const ids = ['a', 'b', 'c'];

/** One write after the other, until told to stop. Settles with the number of those that were kept. */
async function writeAlong(store: MemberStore, until: AbortSignal): Promise<number> {
  let kept = 0;
  while (!until.aborted) if ((await store.transact(writing(put('along', `${kept}`)))).committed) kept++;
  return kept;
}

it('goes on writing when leadership was to go to a member that is not there', async () => {
  await withDirectory(async (directory) => {
    const members = await Members.open(directory, ids);
    const leader = await members.leader();
    const { id } = leader.cluster;
    await leader.transact(writing(put('k', '1')));
    const gone = ids.find((each) => each !== id) ?? '';
    await members.stop(gone);
    const over = new AbortController();
    const along = writeAlong(leader, over.signal);
    leader.cluster.transfer(gone);
    await pause(1_000);
    over.abort();
    expect(await along).toBeGreaterThan(0);
    expect((await members.leader()).cluster.id).toBe(id);
    expect((await leader.transact(writing(put('k', '2')))).committed).toBe(true);
    await members.close();
  });
});
