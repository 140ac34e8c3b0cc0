import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { MemberStore } from '../../../cluster/index.ts';
import { WeirError } from '../../../src/base/errors.ts';
import { describeStore } from '../../conformance/store.ts';
import { put, storeUnderTest, writing } from '../../conformance/store-subject.ts';
import { withDirectory } from './directory.ts';
import { Members } from './members.ts';

const retentionMs = 10_000;
const ids = ['a', 'b', 'c'];

async function subject(pick: (members: Members) => Promise<MemberStore>) {
  const directory = await mkdtemp(join(tmpdir(), 'weir-members-'));
  let members: Members | undefined;
  return storeUnderTest({
    retentionMs,
    open: async (clock) => {
      await members?.close();
      members = await Members.open(directory, ids, { clock, retentionMs, compactionIntervalMs: 50 });
      await members.leader();
      const store = await pick(members);
      // It has everything that the others have.
      await store.get('x');
      return store;
    },
    dispose: async () => {
      await members?.close();
      await rm(directory, { recursive: true });
    },
  });
}

describeStore('the leader of three', () => subject((members) => members.leader()));
describeStore('a follower of three', () =>
  subject(async (members) => {
    const leader = await members.leader();
    return members.store(ids.find((id) => id !== leader.cluster.id) ?? '');
  }),
);

it('adds a member that has nothing, by a snapshot, and lets it vote', async () => {
  await withDirectory(async (directory) => {
    const clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };
    const members = await Members.open(directory, ids, { clock, retentionMs: 50, compactionIntervalMs: 20 });
    const leader = await members.leader();
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 50 }, (_, at) => leader.transact(writing(put(`k${at}`, `${round}`.padEnd(200, '.'))))));
    }
    while (leader.compactedRevision < 2_000) await new Promise((resolve) => setTimeout(resolve, 10));
    let failures = 0;
    members.onSnapshot = () => {
      if (failures++ < 2) throw new WeirError('store-corrupt', 'a table is damaged');
    };
    const added = await members.start('d');
    leader.cluster.change({ kind: 'add-learner', member: 'd' });
    const last = leader.revision;
    while (added.revision < last) await new Promise((resolve) => setTimeout(resolve, 10));
    // What went wrong before is told, once.
    expect(members.problems).toEqual([{ member: leader.cluster.id, code: 'snapshot-not-sent' }]);
    leader.cluster.change({ kind: 'promote', member: 'd' });
    expect((await added.get('k3'))?.value).toBe('39'.padEnd(200, '.'));
    expect(await added.transact(writing(put('from-d', '1')))).toEqual({ committed: true, revision: last + 1 });
    await members.stop('d');
    const again = await members.start('d');
    expect((await again.get('from-d'))?.value).toBe('1');
    await members.close();
  });
});
