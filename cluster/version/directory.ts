import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '../../src/base/errors.ts';
import { CorruptionError } from '../storage/corruption.ts';
import { replaceFile } from '../storage/files.ts';
import { refusalAt, type Release } from './version.ts';

/**
 * The file `version` of a data directory has the version that was active when what is in it was written last, so that a release knows what it cannot read before it
 * tries to. It may be behind what is stored, by as much as was written between the rise of the active version and a crash: the store is asked as well, once it is open.
 */
const fileName = 'version';
/** Directories without the file are older than it. */
const versionUntold = 1;

/** Of the segments of the log: `WEIRLOG` and the digit. */
const logFormat = 2;

export async function directoryVersion(directory: string): Promise<number> {
  const text = await contentOf(join(directory, fileName));
  if (text === undefined) return versionUntold;
  if (!/^[1-9]\d{0,8}\n$/.test(text)) throw new CorruptionError(join(directory, fileName), 'it is no number');
  return Number(text);
}

/** Durable when it settles. */
export function writeDirectoryVersion(directory: string, version: number): Promise<void> {
  return replaceFile(join(directory, fileName), `${version}\n`);
}

/** Rejects with `release-too-old` or `release-too-new` when this release cannot read what is there. */
export async function assertReadable(directory: string, runs: Release): Promise<void> {
  const names = await readdir(directory).catch(absent);
  // With neither there is nothing to read: at most the name that somebody is to have.
  if (!names?.some((name) => name === 'identity' || name === 'log')) return;
  assertWithin(await directoryVersion(directory), runs, directory);
  const format = await formatOfLog(join(directory, 'log'));
  if (format !== undefined && format > logFormat)
    throw new WeirError(
      'release-too-old',
      `the log in ${directory} is of format ${format}, and this release knows none above ${logFormat}. ${whatElse}`,
    );
  if (format !== undefined && format < logFormat)
    throw new WeirError(
      'release-too-new',
      `the log in ${directory} is of format ${format}, of before data said whose it is. It was left as it is: ` +
        'start the release that wrote it, read the documents there, and apply them to this one in a new directory',
    );
}

const whatElse = 'It was left as it is: start a release that knows it, or begin anew with a backup of before the upgrade';

/** Throws `release-too-old` or `release-too-new`. `what` was written at the version, and is to be read by the release. */
export function assertWithin(version: number, runs: Release, what: string): void {
  const refusal = refusalAt(version, runs);
  if (refusal?.code === 'release-too-old')
    throw new WeirError(refusal.code, `${what} is at version ${version}, and this release knows none above ${runs.version}. ${whatElse}`);
  if (refusal !== undefined)
    throw new WeirError(
      refusal.code,
      `${what} is at version ${version}, and this release knows none below ${runs.versionMin}. It was left as it is: start a release between them first`,
    );
}

async function formatOfLog(log: string): Promise<number | undefined> {
  const names = await readdir(log).catch(absent);
  const segment = names?.filter((name) => name.endsWith('.log')).toSorted()[0];
  if (segment === undefined) return undefined;
  const handle = await open(join(log, segment));
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    const digit = /^WEIRLOG([1-9])$/.exec(buffer.toString('latin1', 0, bytesRead))?.[1];
    return digit === undefined ? undefined : Number(digit);
  } finally {
    await handle.close();
  }
}

const contentOf = (file: string): Promise<string | undefined> => readFile(file, 'utf8').catch(absent);

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
