import { readdir, rm } from 'node:fs/promises';
import { asCorruption, CorruptionError } from './corruption.ts';
import type { EntryLog } from './log.ts';
import { replay } from './replay.ts';
import { VersionIndex } from './versions.ts';

export interface DerivedIndex {
  readonly index: VersionIndex;
  /** Commits that were taken from the log. */
  readonly replayedCommits: number;
  readonly entryCount: number;
  /** It was damaged, and was made again from the log. */
  readonly rebuilt: boolean;
}

/** The index of a log, read through. One that is damaged is made again where the log reaches back to the first commit; otherwise rejects with a CorruptionError. */
export async function openDerived(log: EntryLog, directory: string, memoryBytes: number): Promise<DerivedIndex> {
  try {
    return await openVerified(log, directory, memoryBytes);
  } catch (error) {
    if (!(error instanceof CorruptionError) || !(await isDerivable(log, directory))) throw error;
    await rm(directory, { recursive: true });
    return { ...(await openVerified(log, directory, memoryBytes)), rebuilt: true };
  }
}

async function openVerified(log: EntryLog, directory: string, memoryBytes: number): Promise<DerivedIndex> {
  const index = await VersionIndex.open(directory, memoryBytes);
  try {
    return await readThrough(log, index);
  } catch (error) {
    await index.close();
    throw asCorruption(error, directory);
  }
}

async function readThrough(log: EntryLog, index: VersionIndex): Promise<DerivedIndex> {
  if (log.lastRevision < index.applied) {
    throw new CorruptionError(log.directory, `the log ends at revision ${log.lastRevision}, the index had ${index.applied}`);
  }
  const needed = Math.min(index.applied, index.swept) + 1;
  if (log.firstRevision > needed) {
    throw new CorruptionError(log.directory, `the log begins at revision ${log.firstRevision}, ${needed} is needed`);
  }
  // What is older than the part of the log that was verified was committed long ago.
  const replayedCommits = await replay(log, index, log.stored().terms[0]?.from ?? 0);
  return { index, replayedCommits, entryCount: await index.verify(), rebuilt: false };
}

/** Whether the log has every commit that there ever was, so that the index holds nothing of its own. */
async function isDerivable(log: EntryLog, directory: string): Promise<boolean> {
  if (log.lastRevision > 0) return log.firstRevision === 1;
  const names = await readdir(directory);
  return !names.some((name) => /\.(ldb|sst)$/.test(name));
}
