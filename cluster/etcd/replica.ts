import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, WeirError } from '../../src/base/errors.ts';
import { within } from '../../src/base/patience.ts';
import { CorruptionError } from '../storage/corruption.ts';
import { syncDirectory } from '../storage/files.ts';
import { appliedIndexKey, appliedKey, compactedKey, currentKey, sweptKey } from '../storage/layout.ts';
import { encodeChunks, SnapshotDirectory } from '../storage/snapshot.ts';
import type { IndexedCommit } from '../storage/indexed-commit.ts';
import { type RowBatch, VersionIndex } from '../storage/versions.ts';
import type { Revision } from '../store/port.ts';
import type { LoadedBase } from './base.ts';

/**
 * The state of the store as this member has read it so far, on its disk: a copy of what etcd keeps, which can be thrown away. Readers are let finish before
 * it is opened again or replaced.
 */
export class Replica {
  readonly #directory: string;
  readonly #memoryBytes: number;
  #index: VersionIndex;
  #readers = 0;
  #drained: (() => void) | undefined;
  /** While the index cannot be read. */
  #swap: Promise<void> | undefined;

  private constructor(directory: string, memoryBytes: number, index: VersionIndex) {
    this.#directory = directory;
    this.#memoryBytes = memoryBytes;
    this.#index = index;
  }

  static async open(directory: string, memoryBytes: number): Promise<Replica> {
    return new Replica(directory, memoryBytes, await openIndex(directory, memoryBytes));
  }

  get index(): VersionIndex {
    return this.#index;
  }

  get applied(): Revision {
    return this.#index.applied;
  }

  /** Rejects with `store-busy` when the index cannot be read for longer than `waitMsMax`; without it, that is waited for. */
  async read<T>(run: (index: VersionIndex) => Promise<T>, waitMsMax?: number): Promise<T> {
    while (this.#swap !== undefined) await within(this.#swap, waitMsMax, beingSwapped);
    this.#readers++;
    try {
      return await run(this.#index);
    } finally {
      this.#readers--;
      if (this.#readers === 0) this.#drained?.();
    }
  }

  async apply(commits: readonly IndexedCommit[]): Promise<void> {
    const last = commits.at(-1);
    assert(last, 'something is applied');
    this.#index.apply(commits, last.revision);
    await this.#index.settled();
  }

  /** After a failed write. What was not yet in a synced table is read from etcd again. */
  reopen(): Promise<void> {
    return this.#swapped(async () => {
      this.#index = await openIndex(this.#directory, this.#memoryBytes);
    });
  }

  /** Another state takes the place of this one. When it rejects, call again. */
  async replace(base: LoadedBase): Promise<void> {
    const snapshots = new SnapshotDirectory(this.#directory);
    await snapshots.receive(encodeChunks(rowsOf(base)));
    await this.#swapped(async () => {
      const index = join(this.#directory, 'index');
      await rm(index, { recursive: true, force: true });
      await rename(join(this.#directory, 'index-incoming'), index);
      await syncDirectory(this.#directory);
      this.#index = await VersionIndex.open(index, this.#memoryBytes);
    });
  }

  async #swapped(exchange: () => Promise<void>): Promise<void> {
    const swap = Promise.withResolvers<void>();
    this.#swap = swap.promise;
    try {
      if (this.#readers > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
      this.#drained = undefined;
      await this.#index.close();
      await exchange();
    } finally {
      this.#swap = undefined;
      swap.resolve();
    }
  }

  async close(): Promise<void> {
    if (this.#readers > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    await this.#index.flush().catch(() => undefined);
    await this.#index.close();
  }
}

const beingSwapped = (): WeirError =>
  new WeirError('store-busy', 'the index is being opened again or replaced: reads wait for that; try again');

async function openIndex(directory: string, memoryBytes: number): Promise<VersionIndex> {
  const path = join(directory, 'index');
  try {
    return await VersionIndex.open(path, memoryBytes);
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    await rm(path, { recursive: true, force: true });
    return VersionIndex.open(path, memoryBytes);
  }
}

async function* rowsOf({ revision, rows }: LoadedBase): AsyncGenerator<RowBatch> {
  for await (const batch of rows) {
    // A batch without rows ends a snapshot.
    if (batch.length > 0) yield batch.map(([key, row]) => [currentKey(key), row] as const);
  }
  yield [appliedKey, appliedIndexKey, compactedKey, sweptKey].map((key) => [key, String(revision)] as const);
}
