import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MemberStore, type StoreOptions, openStore } from '../../../cluster/index.ts';
import { systemClock } from '../../../src/base/clock.ts';

export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'weir-store-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Small segments, so that a test goes over many. */
export function openSmall(directory: string, options: Partial<StoreOptions> = {}): Promise<MemberStore> {
  return openStore({
    directory,
    clock: systemClock,
    segmentBytes: 32 * 1024,
    reserveBytes: 64 * 1024,
    indexMemoryBytes: 1024 * 1024,
    ...options,
  });
}
