import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile, syncDirectory } from '../storage/files.ts';
import { type MemberName, memberPattern } from './identity.ts';

/**
 * The name under which a directory without an identity has asked, or is about to ask, to join: who ends before the answer asks again under the same, and finds the place
 * that it was given. The identity takes its place.
 */
export class ChosenName {
  readonly #directory: string;
  readonly #file: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#file = join(directory, 'name');
  }

  /** Undefined also where what stands there was not written to its end. */
  async read(): Promise<MemberName | undefined> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }
    const [id = '', address, end] = text.split('\n');
    return address !== undefined && end !== undefined && memberPattern.test(id) ? { id, address } : undefined;
  }

  /** Durable when it settles. */
  async write({ id, address }: MemberName): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    await replaceFile(this.#file, `${id}\n${address}\n`);
    await syncDirectory(dirname(this.#directory));
  }

  forget(): Promise<void> {
    return rm(this.#file, { force: true });
  }
}
