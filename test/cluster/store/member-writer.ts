import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { MemberStore } from '../../../cluster/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { Members } from './members.ts';

/**
 * A process to be recorded: three members, of which `c` leads, follows, is away until it can only be sent a snapshot, and goes on. Says what `c` promises the others,
 * before it does, and what is committed. Argument: directory.
 */
const [directory = ''] = process.argv.slice(2);
const ids = ['a', 'b', 'c'];
const members = await Members.open(directory, ids, { clock: systemClock, retentionMs: 50, compactionIntervalMs: 20 });
members.onSend = (message) => {
  const { from, to, term } = message;
  if (from !== 'c' || message.kind === 'pre-vote' || message.kind === 'pre-vote-reply') return;
  writeSync(1, `term ${term}\n`);
  if (message.kind === 'append-accepted') writeSync(1, `match ${message.match}\n`);
  if (message.kind === 'vote') writeSync(1, `vote ${term} c\n`);
  if (message.kind === 'vote-reply' && message.granted) writeSync(1, `vote ${term} ${to}\n`);
};
members.store('a').watch(0, (commits) => {
  for (const { revision, changes } of commits)
    for (const { key, after } of changes) writeSync(1, `commit ${revision} ${key} ${after?.value}\n`);
});

let number = 0;

async function write(store: MemberStore, count: number): Promise<void> {
  for (let at = 0; at < count; at += 4) {
    await Promise.all(
      [0, 1, 2, 3].map(() => store.transact(writing(put(`k${number % 37}`, `${number++}`.padEnd(1 + ((number * 7) % 300), '.'))))),
    );
  }
}

async function lead(id: string): Promise<void> {
  for (let leader = await members.leader(); leader.cluster.id !== id; leader = await members.leader()) {
    try {
      leader.cluster.transfer(id);
    } catch {
      // It does not lead any more.
    }
    await pause(20);
  }
}

await lead('a');
await write(members.store('b'), 60);
await lead('c');
await write(members.store('a'), 40);
await lead('b');
await members.stop('c');
await write(members.store('a'), 240);
while (members.store('b').compactedRevision < 300 || members.store('a').compactedRevision < 300) await pause(10);
await pause(100);
const back = await members.start('c');
await write(members.store('b'), 60);
while (back.revision < members.store('a').revision) await pause(10);
await lead('c');
await write(back, 40);
await lead('a');
await write(members.store('a'), 20);
await members.close();
