/** What a row takes beside its text, about. */
const overheadBytes = 128;

/**
 * Current rows that were written or read of late, so that whoever writes a key again does not ask LevelDB for what it replaces. That is not only
 * the time of the search: LevelDB counts searches that pass a table by, and rewrites the table after some hundred of them.
 *
 * Two generations: when the young one is full, the old one goes.
 */
export class RecentRows {
  readonly #generationBytesMax: number;
  #young = new Map<string, string>();
  #old = new Map<string, string>();
  #youngBytes = 0;

  constructor(bytesMax: number) {
    this.#generationBytesMax = bytesMax / 2;
  }

  /** Undefined when it is not known here. */
  get(key: string): string | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** The row of the key from now on; undefined: it has none. */
  set(key: string, row: string | undefined): void {
    const before = this.#young.get(key);
    if (before !== undefined) this.#youngBytes -= bytesOf(key, before);
    if (row === undefined) {
      this.#young.delete(key);
      this.#old.delete(key);
      return;
    }
    this.#young.set(key, row);
    this.#youngBytes += bytesOf(key, row);
    if (this.#youngBytes > this.#generationBytesMax) this.#turn();
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}

const bytesOf = (key: string, row: string): number => overheadBytes + key.length + row.length;
