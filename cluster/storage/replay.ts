import type { Entry, LogIndex } from '../raft/types.ts';
import { CorruptionError } from './corruption.ts';
import { decodeGroup } from './group.ts';
import type { EntryLog } from './log.ts';
import { encodeRow } from './row.ts';
import type { IndexedChange, IndexedCommit } from './indexed-commit.ts';
import type { VersionIndex } from './versions.ts';

const pageBytes = 512 * 1024;

/** Brings the index from what it has applied up to the entry `upTo`, which is committed. Resolves with the number of commits that it took. */
export async function replay(log: EntryLog, index: VersionIndex, upTo: LogIndex): Promise<number> {
  const start = index.applied;
  while (index.appliedIndex < upTo) {
    const entries = await log.entries(index.appliedIndex + 1, upTo, pageBytes);
    index.apply(indexedCommits(index, entries), entries.at(-1)?.index ?? upTo);
    await index.room();
  }
  await index.settled();
  return index.applied - start;
}

/** What entries that follow those that were applied do to the index. Throws a CorruptionError when they do not follow. */
export function indexedCommits(index: VersionIndex, entries: readonly Entry[]): IndexedCommit[] {
  /** Rows of these entries over those of the index; undefined where a key was deleted. */
  const rows = new Map<string, string | undefined>();
  const commits: IndexedCommit[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'command') continue;
    const { firstRevision, wallMs, commits: logged } = decodeGroup(entry.payload);
    for (const [at, { requestId, changes }] of logged.entries()) {
      const revision = firstRevision + at;
      const indexed = changes.map(({ key, value, createRevision, beforeRevision }): IndexedChange => {
        const beforeRow = rows.has(key) ? rows.get(key) : index.currentRow(key);
        const found = beforeRow === undefined ? 0 : index.decode(key, beforeRow).modRevision;
        if (found !== beforeRevision) {
          throw new CorruptionError(
            index.directory,
            `the entry ${JSON.stringify(key)} is of revision ${found}, and the log replaces revision ${beforeRevision} at ${revision}`,
          );
        }
        const row = value === undefined ? undefined : encodeRow({ key, value, createRevision, modRevision: revision });
        rows.set(key, row);
        return { key, row, beforeRow };
      });
      commits.push({ revision, wallMs, requestId, changes: indexed });
    }
  }
  return commits;
}
