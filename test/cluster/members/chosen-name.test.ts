import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type MemberName, openMember, type Origin, type Release, releaseNamed } from '../../../cluster/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { WeirError } from '../../../src/base/errors.ts';
import { withDirectory } from '../store/directory.ts';

/** One try of a member without a name of its own; `asked` is what the others are asked. @returns the name that it had */
async function tryOnce(directory: string, asked: () => Promise<Origin>, runs: Release = releaseNamed('0.0.0')): Promise<MemberName> {
  let name: MemberName | undefined;
  const opening = openMember({
    directory,
    id: undefined,
    listen: { host: '127.0.0.1', port: 0, advertise: undefined, tls: undefined },
    runs,
    clock: systemClock,
    segmentBytes: 32 * 1024,
    reserveBytes: 64 * 1024,
    indexMemoryBytes: 1024 * 1024,
    origin: async (named, keep) => {
      name = named;
      await keep();
      return asked();
    },
    onEvent: () => undefined,
    onWaiting: () => undefined,
  });
  await opening.then(
    (member) => member.close(),
    () => undefined,
  );
  if (name === undefined) throw new Error('nobody was asked');
  return name;
}

const fails = (code: string) => (): Promise<Origin> => Promise.reject(new WeirError(code, code));
const joins = async (): Promise<Origin> => ({ kind: 'alone' });

it('who ends between the question and its answer asks again under the same name and address, until it is somebody', () =>
  withDirectory(async (directory) => {
    const first = await tryOnce(directory, fails('unreachable'));
    expect(first.id).toMatch(/^m-[0-9a-f]{8}$/);
    expect(await tryOnce(directory, fails('unreachable'))).toEqual(first);
    expect(await tryOnce(directory, joins)).toEqual(first);
    expect(await readdir(directory)).not.toContain('name');
  }));

it('a name that cannot be had any more is not asked for again, nor one that was not written to its end', () =>
  withDirectory(async (directory) => {
    const names = [await tryOnce(directory, fails('member-removed')), await tryOnce(directory, fails('member-exists'))];
    names.push(await tryOnce(directory, fails('unreachable')));
    await writeFile(join(directory, 'name'), 'm-12');
    names.push(await tryOnce(directory, joins));
    expect(new Set(names.map(({ id }) => id)).size).toBe(4);
  }));

it('a directory that has nothing but a name is of no version', () =>
  withDirectory(async (directory) => {
    const runs: Release = { release: '9.0.0', version: 9, versionMin: 8 };
    const first = await tryOnce(directory, fails('unreachable'), runs);
    expect(await tryOnce(directory, joins, runs)).toEqual(first);
  }));
