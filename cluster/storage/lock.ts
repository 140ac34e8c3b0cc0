import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { reasonOf, WeirError } from '../../src/base/errors.ts';
import { isFull } from './files.ts';

/**
 * Makes a directory one process's own, by the kernel's record lock: it ends with the process, however that ends, and
 * holds across namespaces. Node has no call for it, LevelDB takes one when it opens; the database is empty otherwise.
 */
export class DirectoryLock {
  readonly #level: ClassicLevel;

  private constructor(level: ClassicLevel) {
    this.#level = level;
  }

  /** Rejects with `store-locked` while another process, or this one, has it. */
  static async take(directory: string): Promise<DirectoryLock> {
    const place = join(directory, 'lock');
    const ownerFile = join(directory, 'owner');
    await mkdir(place, { recursive: true });
    const level = new ClassicLevel(place, { writeBufferSize: 64 * 1024, cacheSize: 64 * 1024 });
    try {
      await level.open();
    } catch (error) {
      if (isLocked(error)) {
        const owner = await readFile(ownerFile, 'utf8').catch(() => 'unknown');
        throw new WeirError(
          'store-locked',
          `${directory} is in use by another process (${owner.trim()}); stop it first, or use another directory`,
          { cause: error },
        );
      }
      if (isFull(error)) throw new WeirError('store-full', `no space left to open ${directory}`, { cause: error });
      // The lock was had, so nobody else is in here; what the database held is of no worth.
      await removeContent(place);
      await level.open();
    }
    const lock = new DirectoryLock(level);
    try {
      await writeFile(ownerFile, `pid ${process.pid}\n`);
    } catch (error) {
      // Only for the message above.
      if (!isFull(error)) {
        await lock.release();
        throw new WeirError('store-failed', `${ownerFile} cannot be written: ${reasonOf(error)}`, { cause: error });
      }
    }
    return lock;
  }

  release(): Promise<void> {
    return this.#level.close();
  }
}

function isLocked(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as NodeJS.ErrnoException).code === 'LEVEL_LOCKED') return true;
  }
  return false;
}

/** Everything but the file that the lock is on. */
async function removeContent(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    if (name !== 'LOCK') await rm(join(place, name));
  }
}
