import { randomBytes } from 'node:crypto';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isFull, syncDirectory } from './files.ts';

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

  /** Makes it whole. When there is no space for that it keeps what there is, and rejects with what the system said. */
  async make(): Promise<void> {
    const handle = await open(this.#file, 'a');
    try {
      const { size } = await handle.stat();
      if (size >= this.#bytes) return;
      // Random, so that no file system stores it in less.
      const block = randomBytes(64 * 1024);
      for (let at = size; at < this.#bytes; at += block.length) {
        await handle.writeFile(block.subarray(0, Math.min(block.length, this.#bytes - at)));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncDirectory(this.#directory);
  }

  /** The same; false: there is no space for it. */
  async made(): Promise<boolean> {
    try {
      await this.make();
      return true;
    } catch (error) {
      if (isFull(error)) return false;
      throw error;
    }
  }

  /** On a full disk once more, with the reserve given back. */
  async lendTo<T>(opening: () => Promise<T>): Promise<T> {
    try {
      return await opening();
    } catch (error) {
      if (!isFull(error)) throw error;
      await this.release();
      return opening();
    }
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
    await syncDirectory(this.#directory);
  }

  /** What an unprivileged writer can still have, bytes. */
  async availableBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#directory);
    return bavail * bsize;
  }
}
