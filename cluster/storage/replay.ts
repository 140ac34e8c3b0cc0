import type { Revision } from '../store/port.ts';
import { CorruptionError } from './corruption.ts';
import type { CommitLog, LoggedCommit } from './log.ts';
import { encodeRow } from './row.ts';
import type { IndexedChange, IndexedCommit, VersionIndex } from './versions.ts';

const pageBytes = 512 * 1024;

/** Brings the index from what it has applied up to `upTo`. Resolves with the number of commits that it took. */
export async function replay(log: CommitLog, index: VersionIndex, upTo: Revision): Promise<number> {
  const start = index.applied;
  while (index.applied < upTo) {
    await index.apply(indexedCommits(index, await log.read(index.applied + 1, upTo, pageBytes)));
  }
  return upTo - start;
}

function indexedCommits(index: VersionIndex, commits: readonly LoggedCommit[]): IndexedCommit[] {
  /** Rows of this page over those of the index; undefined where a key was deleted. */
  const rows = new Map<string, string | undefined>();
  return commits.map(({ revision, changes }) => ({
    revision,
    changes: changes.map(({ key, value, createRevision, beforeRevision }): IndexedChange => {
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
    }),
  }));
}
