import { createWriteStream, fstatSync, openSync, renameSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { reasonOf } from '../base/errors.ts';
import type { LogRecord } from './ports.ts';

export interface RecordFileOptions {
  readonly path: string;
  /** A file that would grow beyond it is renamed to `PATH.1`, in the place of the one before, and begun anew. */
  readonly bytesMax: number;
  /** It cannot be written, or not as fast as records come; the rest goes on. Told at the first of a row. */
  readonly onProblem: (reason: string) => void;
}

/** Bytes that may wait for the disk. */
const waitingBytesMax = 4 * 1024 * 1024;

/** A file that could not be written is tried again after so many. */
const recordsBetweenAttempts = 1000;

/** Records as lines of JSON. What cannot be written is left out: no record is worth stopping for. */
export class RecordFile {
  readonly #options: RecordFileOptions;
  #stream: WriteStream | undefined;
  #bytes = 0;
  #isTroubled = false;
  /** Since the file could not be written. */
  #lost = 0;

  constructor(options: RecordFileOptions) {
    this.#options = options;
    this.#open();
  }

  write(record: LogRecord): void {
    const line = `${JSON.stringify(record)}\n`;
    const bytes = Buffer.byteLength(line);
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.bytesMax) this.#rotate();
    if (!this.#stream && ++this.#lost % recordsBetweenAttempts === 0) this.#open();
    if (!this.#stream) return;
    if (this.#stream.writableLength > waitingBytesMax) return this.#trouble('the disk is slower than the records');
    this.#stream.write(line);
    this.#bytes += bytes;
  }

  close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    return stream ? new Promise((resolve) => void stream.end(() => resolve())) : Promise.resolve();
  }

  #rotate(): void {
    this.#stream?.end();
    try {
      renameSync(this.#options.path, `${this.#options.path}.1`);
    } catch (error) {
      this.#trouble(reasonOf(error));
    }
    this.#open();
  }

  /** At once, so that a file that was just renamed is not the one that is opened. */
  #open(): void {
    const { path } = this.#options;
    this.#stream = undefined;
    try {
      const fd = openSync(path, 'a', 0o600);
      this.#bytes = fstatSync(fd).size;
      const stream = createWriteStream(path, { fd });
      stream.on('error', (error) => {
        this.#trouble(error.message);
        if (this.#stream === stream) this.#stream = undefined;
      });
      stream.on('drain', () => (this.#isTroubled = false));
      this.#stream = stream;
    } catch (error) {
      this.#trouble(reasonOf(error));
    }
  }

  #trouble(reason: string): void {
    if (!this.#isTroubled) this.#options.onProblem(`${this.#options.path}: ${reason}`);
    this.#isTroubled = true;
  }
}
