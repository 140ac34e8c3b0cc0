import { expect, it } from 'vitest';
import { checkBackup, openMember, releaseNamed, restoreBackup, setAside } from '../../../cluster/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { freePorts } from '../../support/ports.ts';
import { withDirectory } from '../store/directory.ts';
import { eventually, RunningMembers } from './running.ts';
import { createWriteStream } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';

async function withMembers(use: (members: RunningMembers, directory: string) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const members = new RunningMembers(directory);
    try {
      await use(members, directory);
    } finally {
      await members.close();
    }
  });
}

async function founded(members: RunningMembers, ...ids: string[]): Promise<void> {
  await members.reserve(...ids);
  await Promise.all(ids.map((id) => members.start(id, { origin: members.founders(...ids) })));
  await Promise.all(ids.map((id) => members.get(id).ready()));
}

it('one becomes three and one again, without a stop', () =>
  withMembers(async (members) => {
    await members.reserve('a', 'b', 'c');
    const a = await members.start('a');
    await a.ready();
    await a.store.transact(writing(put('k', '1')));
    for (const id of ['b', 'c']) {
      await a.members.add({ id, address: members.address(id) });
      const joined = await members.start(id, { origin: members.joining(a) });
      await joined.ready();
      await eventually(() => joined.store.cluster.membership.voters.includes(id));
      expect((await joined.store.get('k'))?.value).toBe('1');
    }
    const status = await members.get('c').members.status();
    expect(status.members.map(({ id, role, joined, reachable }) => ({ id, role, joined, reachable }))).toEqual(
      ['a', 'b', 'c'].map((id) => ({ id, role: 'voter', joined: true, reachable: true })),
    );
    expect(status).toMatchObject({ leader: 'a', from: 'a', cluster: a.members.cluster });

    // Each is removed by asking itself: the leader first hands over.
    await a.members.remove('a');
    await eventually(() => a.members.isRemoved);
    expect(a.members.unreadyReason()).toContain('was removed');
    const b = members.get('b');
    await eventually(() => b.store.cluster.membership.voters.length === 2);
    await b.members.transfer('b');
    await eventually(async () => (await members.get('c').members.status()).leader === 'b');
    await b.members.remove('c');
    await b.store.transact(writing(put('k', '2')));
    expect((await b.members.status()).members.map(({ id }) => id)).toEqual(['b']);
    // It was told by those who turned it away, and by no commit; started again it is told once more.
    await eventually(() => members.get('c').members.isRemoved);
    await members.stop('c');
    await expect((await members.start('c')).ready()).rejects.toMatchObject({ code: 'removed' });
    await expect(b.members.remove('b')).rejects.toMatchObject({ code: 'last-voter' });
    await expect(b.members.remove('x')).rejects.toMatchObject({ code: 'unknown-member' });
    await expect(b.members.add({ id: 'c', address: members.address('c') })).rejects.toMatchObject({ code: 'member-removed' });
    await expect(b.members.add({ id: 'B!', address: 'x:1' })).rejects.toMatchObject({ code: 'malformed' });
    for (const address of ['nowhere', '0.0.0.0:1', '[::]:1'])
      await expect(b.members.add({ id: 'd', address })).rejects.toMatchObject({ code: 'malformed' });
    await expect(b.members.add({ id: 'd', address: members.address('b') })).rejects.toMatchObject({ code: 'member-exists' });
  }));

it('one that was begun without a word about members grows once it listens', () =>
  withMembers(async (members, directory) => {
    const lone = await openMember({
      directory: join(directory, 'lone'),
      clock: systemClock,
      id: undefined,
      listen: undefined,
      runs: releaseNamed('0.0.0'),
      origin: async () => ({ kind: 'alone' }),
      onEvent: () => undefined,
      onWaiting: () => undefined,
    });
    await lone.ready();
    await lone.store.transact(writing(put('k', '1')));
    const { id, cluster } = lone.members;
    await expect(lone.members.add({ id: 'b', address: '127.0.0.1:1' })).rejects.toMatchObject({ code: 'not-listening' });
    await lone.close();
    await members.reserve(id, 'b');
    const grown = await members.start(id, { place: 'lone' });
    await grown.ready();
    expect(grown.members.cluster).toBe(cluster);
    await grown.members.add({ id: 'b', address: members.address('b') });
    const b = await members.start('b', { origin: members.joining(grown) });
    await b.ready();
    expect((await b.store.get('k'))?.value).toBe('1');
  }));

it('who was away while all others changed finds them again', () =>
  withMembers(async (members) => {
    await founded(members, 'a', 'b', 'c');
    await members.stop('c');
    await members.reserve('d', 'e');
    for (const id of ['d', 'e']) {
      const a = members.get('a');
      await a.members.add({ id, address: members.address(id) });
      const joined = await members.start(id, { origin: members.joining(a) });
      await joined.ready();
      await eventually(() => a.store.cluster.membership.voters.includes(id));
    }
    const d = members.get('d');
    for (const id of ['a', 'b']) {
      await d.members.remove(id);
      await members.stop(id);
    }
    expect((await d.members.status()).members.map(({ id }) => id)).toEqual(['c', 'd', 'e']);
    const c = await members.start('c');
    await c.ready();
    await d.store.transact(writing(put('late', '1')));
    expect((await c.store.get('late'))?.value).toBe('1');
  }));

it('a change that would stop the cluster is refused, and a member that is away waits to vote', () =>
  withMembers(async (members) => {
    await founded(members, 'a', 'b', 'c');
    await members.stop('c');
    const leader = members.get((await members.get('a').members.status()).leader ?? '');
    const other = leader.members.id === 'a' ? 'b' : 'a';
    await eventually(async () => (await leader.members.status()).members.some(({ id, reachable }) => id === 'c' && !reachable));
    await expect(leader.members.remove(other)).rejects.toMatchObject({ code: 'quorum-at-risk' });
    await members.reserve('d');
    await leader.members.add({ id: 'd', address: members.address('d') });
    await leader.members.add({ id: 'd', address: members.address('d') });
    await expect(leader.members.add({ id: 'd', address: '127.0.0.1:1' })).rejects.toMatchObject({ code: 'member-exists' });
    for (let round = 0; round < 20; round++) await leader.store.transact(writing(put('k', String(round))));
    expect((await leader.members.status()).members.find(({ id }) => id === 'd')).toMatchObject({ role: 'learner', joined: false });
  }));

it('who lost its data does not come back under its name, and does as another', () =>
  withMembers(async (members) => {
    await founded(members, 'a', 'b', 'c');
    await members.get('a').store.transact(writing(put('k', '1')));
    await members.stop('b');
    expect(await setAside(members.directory('b'))).toBe(members.directory('b-aside-1'));
    await expect(setAside(members.directory('b'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(setAside(members.directory('a'))).rejects.toMatchObject({ code: 'store-locked' });
    const wiped = await members.start('b', { origin: members.founders('a', 'b', 'c') });
    await eventually(() => members.events.some(({ at, reason }) => at === 'b' && reason.includes('not that with which b joined')));
    expect(wiped.store.cluster.leader).toBeUndefined();
    await members.stop('b');
    const a = members.get('a');
    await a.members.remove('b');
    await members.reserve('b2');
    await a.members.add({ id: 'b2', address: members.address('b2') });
    await setAside(members.directory('b'));
    const again = await members.start('b2', { origin: members.joining(a), place: 'b' });
    await again.ready();
    await eventually(() => a.store.cluster.membership.voters.includes('b2'));
    expect((await again.store.get('k'))?.value).toBe('1');
  }));

it('a copy of the data of a member that is up is turned away', () =>
  withMembers(async (members) => {
    await founded(members, 'a', 'b', 'c');
    await members.stop('c');
    const since = members.events.length;
    for (const other of ['a', 'b']) await eventually(() => members.events.some(({ at, kind }) => at === other && kind === 'peer-down'));
    await cp(members.directory('c'), members.directory('copy'), { recursive: true });
    const own = await members.start('c');
    await own.ready();
    for (const other of ['a', 'b'])
      await eventually(() => members.events.slice(since).some(({ at, kind }) => at === other && kind === 'peer-up'));
    const [port] = await freePorts(1);
    const copy = await members.start('c', { place: 'copy', port });
    for (const other of ['a', 'b'])
      await eventually(() =>
        members.events.some(({ at, kind, reason }) => at === other && kind === 'refused' && reason.includes('stop one of them')),
      );
    await eventually(() =>
      members.events.some(({ at, kind, reason }) => at === 'copy' && kind === 'peer-down' && reason.includes('stop one of them')),
    );
    expect(copy.store.cluster.leader).toBeUndefined();
    await own.store.transact(writing(put('k', '1')));
    await own.close();
  }));

it('a directory belongs to one member, and its identity is not made up again', () =>
  withMembers(async (members) => {
    await members.reserve('a', 'b');
    await members.start('a');
    await members.stop('a');
    await expect(members.start('b', { place: 'a' })).rejects.toMatchObject({ code: 'other-member' });
    const file = join(members.directory('a'), 'identity');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('a', 'b'));
    await expect(members.start('a')).rejects.toMatchObject({ code: 'store-corrupt', file });
    await rm(file);
    await expect(members.start('a')).rejects.toMatchObject({ code: 'store-corrupt', file });
  }));

it('founders whose lists contradict each other are told what differs', () =>
  withMembers(async (members) => {
    await members.reserve('a', 'b', 'c');
    await Promise.all([
      members.start('a', { origin: members.founders('a', 'b', 'c') }),
      members.start('b', { origin: members.founders('a', 'b') }),
    ]);
    const [a, b, c] = ['a', 'b', 'c'].map((id) => `${id}=${members.address(id)}`);
    const reason = `refused: it belongs to another cluster: it was founded by ${a}, ${b}, and this one by ${a}, ${b}, ${c}`;
    await eventually(() => members.events.some((event) => event.at === 'b' && event.reason === reason));
  }));

it('a backup is one state, whatever is written meanwhile, and makes another cluster', () =>
  withMembers(async (members, directory) => {
    await founded(members, 'a', 'b', 'c');
    const a = members.get('a');
    // Both sides of each pair are written by one transaction: a state of no one revision would have them differ.
    for (let at = 0; at < 300; at++) await a.store.transact(writing(put(`left/${at}`, '0'), put(`right/${at}`, '0')));
    const enough = new AbortController();
    let rounds = 0;
    const writer = (async () => {
      for (; !enough.signal.aborted; rounds++) {
        const at = rounds % 300;
        await a.store.transact(writing(put(`left/${at}`, `${rounds}`), put(`right/${at}`, `${rounds}`)));
      }
    })();
    const file = join(directory, 'backup');
    const revision = await members.get('b').members.backup(async (backup) => {
      await pipeline(backup.bytes, createWriteStream(file));
      return backup.revision;
    });
    enough.abort();
    await writer;

    const summary = await checkBackup(file);
    expect(summary).toMatchObject({ cluster: a.members.cluster, revision, entries: 600 });
    const restored = await restoreBackup(file, join(directory, 'r'), 'r', systemClock);
    expect(restored.into.cluster).not.toBe(a.members.cluster);
    await expect(restoreBackup(file, join(directory, 'r'), 'r', systemClock)).rejects.toMatchObject({ code: 'not-empty' });
    await expect(restoreBackup(file, members.directory('a'), 'r', systemClock)).rejects.toMatchObject({ code: 'not-empty' });

    await members.reserve('r', 's');
    const r = await members.start('r');
    await r.ready();
    const { entries } = await r.store.range({ start: 'left/', end: 'left0' });
    expect(entries).toHaveLength(300);
    for (const { key, value } of entries) expect((await r.store.get(key.replace('left', 'right')))?.value).toBe(value);
    const outcome = await r.store.transact(writing(put('after', '1')));
    expect(outcome.revision).toBeGreaterThan(revision);
    expect((await r.members.status()).members.map(({ id }) => id)).toEqual(['r']);
    // It grows as any other; members of the old cluster are strangers.
    await r.members.add({ id: 's', address: members.address('s') });
    const s = await members.start('s', { origin: members.joining(r) });
    await s.ready();
    expect((await s.store.get('after'))?.value).toBe('1');
    await members.stop('c');
    await members.start('c', { origin: members.joining(r), place: 'c-of-old' });
    await eventually(() => members.events.some(({ at, reason }) => at === 'a' && reason === 'refused: it belongs to another cluster'));

    const whole = await readFile(file);
    for (const size of [0, 7, 100, whole.length >> 1, whole.length - 1]) {
      await writeFile(`${file}-cut`, whole.subarray(0, size));
      await expect(checkBackup(`${file}-cut`)).rejects.toMatchObject({ code: expect.stringMatching(/^malformed-/) });
      await expect(restoreBackup(`${file}-cut`, join(directory, 'q'), 'q', systemClock)).rejects.toBeDefined();
    }
    const headEnd = 12 + whole.readUInt32BE(8);
    const head = whole.toString('utf8', 12, headEnd);
    const others = [JSON.stringify({ cluster: 'x' }), head.replace(/"revision":\d+/, '"revision":"x"')].map((text) => {
      const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
      length.writeUInt32BE(text.length);
      checksum.writeUInt32BE(crc32(text));
      return Buffer.concat([whole.subarray(0, 8), length, Buffer.from(text), checksum, whole.subarray(headEnd + 4)]);
    });
    for (const other of [Buffer.concat([whole, Buffer.from('x')]), ...others]) {
      await writeFile(`${file}-other`, other);
      await expect(checkBackup(`${file}-other`)).rejects.toMatchObject({ code: 'malformed-backup' });
    }
    for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 40)) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      await writeFile(`${file}-flipped`, flipped);
      await expect(checkBackup(`${file}-flipped`)).rejects.toMatchObject({ code: expect.stringMatching(/^malformed-/) });
    }
  }));
