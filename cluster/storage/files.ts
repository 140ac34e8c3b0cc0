import { fdatasync, write } from 'node:fs';
import { open, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the names in a directory durable: files created, renamed or removed in it. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The file has `text` when it settles, durably, and until then what it had: it is never seen half-written. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}-draft`;
  await writeFile(draft, text, { flush: true });
  await rename(draft, file);
  await syncDirectory(dirname(file));
}

/** Writes all of `bytes` at `offset`. */
export async function writeAll(descriptor: number, bytes: Buffer, offset: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await new Promise<number>((resolve, reject) => {
      write(descriptor, bytes, written, bytes.length - written, offset + written, (error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }
}

export function syncData(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(descriptor, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}

/** No space, no quota, or a limit on the size of files. */
export function isFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return true;
    if (/No space left on device|Disk quota exceeded|File too large/.test(cause.message)) return true;
  }
  return false;
}
