import { reasonOf, WeirError } from '../../src/base/errors.ts';
import { isFull } from './files.ts';

/**
 * Stored bytes are not what was written, or are missing, and it is no torn tail: acknowledged commits are concerned.
 * The message names the place and says what to do.
 */
export class CorruptionError extends WeirError {
  readonly file: string;

  constructor(file: string, defect: string, options?: { cause?: unknown }) {
    super(
      'store-corrupt',
      `${file}: ${defect}. The store was left as it is. Check the disk, then restore the directory from a backup, ` +
        'or move it away and let this member fetch its data from the others.',
      options,
    );
    this.file = file;
  }
}

/** What LevelDB says when it cannot read its own files means that they are damaged; other errors stay what they are. */
export function asCorruption(error: unknown, directory: string): unknown {
  const isLevels = error instanceof Error && !(error instanceof WeirError) && /^(Corruption|IO error): /.test(error.message);
  if (!isLevels || isFull(error)) return error;
  return new CorruptionError(directory, `the index cannot be read (${reasonOf(error)})`, { cause: error });
}
