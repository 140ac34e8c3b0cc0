import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { syncData, syncDirectory, writeAll } from './files.ts';

/**
 * Space kept back for a full disk. LevelDB needs room to open and to write out its memory: giving the reserve back lets the
 * store do that, go on reading and be opened again; writes are refused until the reserve stands again.
 */
export class DiskReserve {
  readonly #directory: string;
  readonly #bytes: number;

  constructor(directory: string, bytes: number) {
    this.#directory = directory;
    this.#bytes = bytes;
  }

  get #file(): string {
    return join(this.#directory, 'reserve');
  }

  /** Makes it when it is not there. Rejects with what the system said, and leaves nothing then. */
  async make(): Promise<void> {
    if (await this.#stands()) return;
    const draft = `${this.#file}.new`;
    // Random, so that no file system stores it in less.
    const block = randomBytes(Math.min(this.#bytes, 1024 * 1024));
    const handle = await open(draft, 'w');
    try {
      for (let at = 0; at < this.#bytes; at += block.length) {
        await writeAll(handle.fd, block.subarray(0, Math.min(block.length, this.#bytes - at)), at);
      }
      await syncData(handle.fd);
    } catch (error) {
      await handle.close();
      await rm(draft);
      throw error;
    }
    await handle.close();
    await rename(draft, this.#file);
    await syncDirectory(this.#directory);
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
    await syncDirectory(this.#directory);
  }

  async #stands(): Promise<boolean> {
    const found = await stat(this.#file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return found !== undefined && found.size >= this.#bytes;
  }

  /** What an unprivileged writer can still have, bytes. */
  async availableBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#directory);
    return bavail * bsize;
  }
}
