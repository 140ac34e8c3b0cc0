import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDirectory } from './directory.ts';

/** File systems of their own, so that they can be filled. */
export async function withSmallDisks(names: readonly string[], bytes: number, use: (directory: string) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const mounted: string[] = [];
    try {
      for (const name of names) {
        const disk = join(directory, name);
        await mkdir(disk);
        execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'none', disk]);
        mounted.push(disk);
      }
      await use(directory);
    } finally {
      for (const disk of mounted) execFileSync('umount', [disk]);
    }
  });
}

export function withSmallDisk(bytes: number, use: (disk: string) => Promise<void>): Promise<void> {
  return withSmallDisks(['disk'], bytes, (directory) => use(join(directory, 'disk')));
}

/** Resolves with the number of files. */
export async function fill(file: string): Promise<number> {
  for (let part = 0; ; part++) {
    try {
      await writeFile(`${file}-${part}`, Buffer.alloc(256 * 1024, 7));
    } catch {
      return part + 1;
    }
  }
}

export async function free(file: string, parts: number): Promise<void> {
  for (let part = 0; part < parts; part++) await rm(`${file}-${part}`, { force: true });
}
