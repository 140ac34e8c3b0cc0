import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { replaceFile } from '../../../cluster/storage/files.ts';
import { withDirectory } from '../store/directory.ts';

it('a file that is replaced has what it had, or all of what comes', () =>
  withDirectory(async (directory) => {
    const file = join(directory, 'name');
    await replaceFile(file, 'before');
    const reader = await open(file);
    try {
      await replaceFile(file, 'and after');
      expect(await reader.readFile('utf8')).toBe('before');
    } finally {
      await reader.close();
    }
    expect(await readFile(file, 'utf8')).toBe('and after');
    expect(await readdir(directory)).toEqual(['name']);
  }));
