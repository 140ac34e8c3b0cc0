import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { restoreBackup, releaseNamed, type Release } from '../../../cluster/index.ts';
import { writeDirectoryVersion } from '../../../cluster/version/index.ts';
import { decodeHeader, decodeRecord, encodeRecord } from '../../../cluster/storage/record.ts';
import { frameBytesMax, FrameReader, FrameWriter, type Frame, type FrameKind } from '../../../cluster/transport/frame.ts';
import { refusalAt } from '../../../cluster/version/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { put, writing } from '../../conformance/store-subject.ts';
import { withDirectory } from '../store/directory.ts';
import { eventually, RunningMembers } from '../members/running.ts';

/** Members of neighbouring releases, and data of others. `here` is this release. */

const here = releaseNamed('1.0.0');
const next: Release = { release: '1.1.0', version: here.version + 1, versionMin: here.version };
const before: Release = { release: '0.9.0', version: here.version - 1, versionMin: here.version - 1 };
const far: Release = { release: '3.0.0', version: here.version + 2, versionMin: here.version + 1 };

const withMembers = (run: (members: RunningMembers, directory: string) => Promise<void>): Promise<void> =>
  withDirectory(async (directory) => {
    const members = new RunningMembers(directory);
    try {
      await run(members, directory);
    } finally {
      await members.close();
    }
  });

/** As the members raise it together. */
const raised = (version: number) => writing(put('sys/version', JSON.stringify({ version })));

it('who speaks the active version takes part, whatever else it speaks', () => {
  expect(refusalAt(here.version, here)).toBeUndefined();
  expect(refusalAt(here.version, next)).toBeUndefined();
  expect(refusalAt(next.version, here)?.code).toBe('release-too-old');
  expect(refusalAt(here.version, far)?.code).toBe('release-too-new');
});

describe('a directory', () => {
  it('that a later release has written is refused, and left as it is', () =>
    withMembers(async (members) => {
      await members.reserve('a');
      const a = await members.start('a', { runs: next });
      await a.ready();
      await a.store.transact(raised(next.version));
      await eventually(async () => (await readFile(join(members.directory('a'), 'version'), 'utf8')) === `${next.version}\n`);
      await members.stop('a');
      await expect(members.start('a')).rejects.toMatchObject({
        code: 'release-too-old',
        message: expect.stringContaining('It was left as it is'),
      });
      const again = await members.start('a', { runs: next });
      await again.ready();
      expect((await again.members.status()).version).toBe(next.version);
    }));

  it('is refused by what is stored, when only its mark was lost', () =>
    withMembers(async (members) => {
      await members.reserve('a');
      const a = await members.start('a', { runs: next });
      await a.ready();
      await a.store.transact(raised(next.version));
      await members.stop('a');
      await writeDirectoryVersion(members.directory('a'), here.version);
      await expect(members.start('a')).rejects.toMatchObject({ code: 'release-too-old' });
    }));

  it('of before there were versions is read as it is', () =>
    withMembers(async (members) => {
      await members.reserve('a');
      await (await members.start('a', { runs: before })).ready();
      await members.stop('a');
      const a = await members.start('a');
      await a.ready();
      expect((await a.members.status()).version).toBe(before.version);
      await members.stop('a');
      await expect(members.start('a', { runs: far })).rejects.toMatchObject({ code: 'release-too-new' });
    }));

  it.each([
    ['1', 'release-too-new'],
    ['3', 'release-too-old'],
  ])('with a log of format %s is refused: %s', (format, code) =>
    withMembers(async (members) => {
      await members.reserve('a');
      const log = join(members.directory('a'), 'log');
      await mkdir(log, { recursive: true });
      await writeFile(join(log, '000000000001.log'), `WEIRLOG${format}\0\0\0\0\0\0\0\0`);
      await expect(members.start('a')).rejects.toMatchObject({ code });
    }),
  );

  it('with a log of this format and no identity is damaged', () =>
    withMembers(async (members) => {
      await members.reserve('a');
      const log = join(members.directory('a'), 'log');
      await mkdir(log, { recursive: true });
      await writeFile(join(log, '000000000001.log'), `WEIRLOG2\0\0\0\0\0\0\0\0`);
      await expect(members.start('a')).rejects.toMatchObject({ code: 'store-corrupt' });
    }));

  it('with an entry of a kind that is not known names it', () => {
    const bytes = encodeRecord({ index: 4, revision: 0, wallMs: 0 }, [{ kind: 'empty', index: 5, term: 1 }]);
    bytes.writeUInt32LE(9, 44);
    const header = decodeHeader(bytes, 0);
    if (header === undefined) throw new Error('a record has a header');
    expect(() => decodeRecord(bytes, 0, header)).toThrow(
      expect.objectContaining({ code: 'release-too-old', message: expect.stringContaining('entry 5') }),
    );
  });
});

it('a backup of a later release is refused, and what is restored is at the version that it was of', () =>
  withMembers(async (members, directory) => {
    await members.reserve('a');
    const a = await members.start('a', { runs: next });
    await a.ready();
    await a.store.transact(raised(next.version));
    await eventually(async () => (await a.members.status()).version === next.version);
    const file = join(directory, 'backup');
    await a.members.backup(({ bytes }) => pipeline(bytes, createWriteStream(file)));
    await expect(restoreBackup(file, join(directory, 'new'), undefined, systemClock)).rejects.toMatchObject({ code: 'release-too-old' });
    await members.stop('a');

    await members.reserve('b');
    const b = await members.start('b');
    await b.ready();
    await b.store.transact(raised(here.version));
    await b.members.backup(({ bytes }) => pipeline(bytes, createWriteStream(file)));
    await restoreBackup(file, join(directory, 'new'), 'b', systemClock);
    expect(await readFile(join(directory, 'new', 'version'), 'utf8')).toBe(`${here.version}\n`);
  }));

describe('members of different releases', () => {
  it('talk where both speak the active version; one that does not is turned away on both sides, and says why it ends', () =>
    withMembers(async (members) => {
      await members.reserve('a', 'b', 'c');
      const origin = members.founders('a', 'b', 'c');
      const a = await members.start('a', { origin });
      const b = await members.start('b', { origin, runs: next });
      const c = await members.start('c', { origin, runs: next });
      await Promise.all([a.ready(), b.ready(), c.ready()]);
      await c.store.transact(raised(here.version));
      await c.store.transact(writing(put('k', '1')));
      await eventually(async () => (await readFile(join(members.directory('a'), 'version'), 'utf8')) === `${here.version}\n`);
      await members.stop('a');
      await b.store.transact(raised(next.version));

      const late = await members.start('a');
      await expect(late.ready()).rejects.toMatchObject({
        code: 'release-too-old',
        message: expect.stringContaining(`version ${next.version} is spoken here`),
      });
      await members.stop('a');
      const upgraded = await members.start('a', { runs: next });
      await upgraded.ready();
      expect((await upgraded.store.get('k'))?.value).toBe('1');
    }));

  it('a member that cannot take part is not added', () =>
    withMembers(async (members) => {
      await members.reserve('a', 'b');
      const a = await members.start('a', { runs: next });
      await a.ready();
      await a.store.transact(raised(next.version));
      await eventually(async () => (await a.members.status()).version === next.version);
      const place = { id: 'b', address: members.address('b') };
      await expect(a.members.add({ ...place, runs: here })).rejects.toMatchObject({ code: 'release-too-old' });
      await expect(a.members.add({ ...place, runs: { ...far, versionMin: next.version + 1 } })).rejects.toMatchObject({
        code: 'release-too-new',
      });
      expect(a.members.list()).toHaveLength(1);
    }));
});

describe('frames of a release that is not this one', () => {
  /** What comes back on a connection on which these bytes are sent, those behind the first once something came, until it ends or `enough`. */
  const answers = (port: number, sent: readonly Buffer[], enough: (frames: readonly Frame[]) => boolean): Promise<readonly Frame[]> =>
    new Promise((resolve, reject) => {
      const frames: Frame[] = [];
      const reader = new FrameReader(frameBytesMax);
      const socket = connect({ host: '127.0.0.1', port }, () => socket.write(sent[0] ?? ''));
      socket.on('data', (bytes) => {
        if (frames.length === 0) socket.write(Buffer.concat(sent.slice(1)));
        frames.push(...reader.take(bytes));
        if (enough(frames)) socket.destroy();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(frames));
    });
  const frame = (kind: FrameKind, head: unknown, body: readonly Uint8Array[] = []): Buffer => {
    const writer = new FrameWriter();
    writer.add(kind, head, body);
    return Buffer.concat(writer.take());
  };
  const never = (): boolean => false;

  const greeted = async (members: RunningMembers) => {
    await members.reserve('a', 'b');
    const a = await members.start('a', { origin: members.founders('a', 'b') });
    const hello = { cluster: a.members.cluster, from: 'b', to: 'a', instance: 'of-b', address: members.address('b') };
    return { port: members.port('a'), hello };
  };

  it('a greeting of the release before, which has fewer fields, and of the next, which has more, are answered with ours', () =>
    withMembers(async (members) => {
      const { port, hello } = await greeted(members);
      for (const range of [
        { version: 1, versionMin: 1 },
        { version: here.version + 1, versionMin: here.version, release: '9', compression: ['zstd'] },
      ]) {
        const [answer] = await answers(port, [frame('hello', { ...hello, ...range })], (frames) => frames.length > 0);
        expect(answer).toMatchObject({ kind: 'hello', head: { from: 'a', to: 'b', version: here.version, release: '0.0.0' } });
      }
    }));

  it('a greeting of one that is too far ahead is refused with code and reason', () =>
    withMembers(async (members) => {
      const { port, hello } = await greeted(members);
      const range = { version: here.version + 3, versionMin: here.version + 1, release: '9' };
      expect(await answers(port, [frame('hello', { ...hello, ...range })], never)).toMatchObject([
        { kind: 'refused', head: { code: 'release-too-new', reason: expect.stringContaining('release 9 speaks') } },
      ]);
    }));

  it('requests that are not known are answered with an error; fields that are not known are passed over', () =>
    withMembers(async (members) => {
      const { port, hello } = await greeted(members);
      const request = (id: number, body: object): Buffer => frame('request', { id, priority: 1 }, [Buffer.from(JSON.stringify(body))]);
      const sent = [
        frame('hello', { ...hello, ...here }),
        frame('message', { kind: 'pre-vote-reply', term: 0, granted: false, lease: 7 }),
        request(1, { kind: 'compress' }),
        request(2, { kind: 'ask', topic: 'weather', body: null }),
        frame('ping', 0),
      ];
      const frames = await answers(port, sent, (each) => each.length >= 4);
      expect(frames.map(({ kind }) => kind).toSorted()).toEqual(['hello', 'pong', 'reply', 'reply']);
      const errors = frames.flatMap(({ head }) => (head as { error?: { code: string } }).error?.code ?? []);
      expect(errors.toSorted()).toEqual(['malformed', 'unreachable']);
    }));

  it.each([
    ['a kind of frame', () => Buffer.from([0, 0, 0, 5, 77, 0, 0, 1, 48])],
    ['a kind of message', () => frame('message', { kind: 'gossip', term: 1 })],
    [
      'a kind of entry',
      () =>
        frame('message', {
          kind: 'append',
          term: 1,
          previousIndex: 0,
          previousTerm: 0,
          commit: 0,
          entries: [{ kind: 'rename', index: 1, term: 1 }],
        }),
    ],
  ])('%s that is not known ends the connection, and nothing else', (_what, strange) =>
    withMembers(async (members) => {
      const { port, hello } = await greeted(members);
      const frames = await answers(port, [frame('hello', { ...hello, ...here }), strange()], never);
      expect(frames.map(({ kind }) => kind)).toEqual(['hello']);
      expect(members.events.some(({ kind, reason }) => kind === 'refused' && /unknown kind/.test(reason))).toBe(true);
      const again = await answers(port, [frame('hello', { ...hello, ...here })], (each) => each.length > 0);
      expect(again[0]?.kind).toBe('hello');
    }),
  );
});
