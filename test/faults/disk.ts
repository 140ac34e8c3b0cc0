import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, expectSuccess } from '../../src/lab/command.ts';

const diskBytes = 160 * 1024 * 1024;

/** A small file system of a member's own, so that it can be full while others are not. To be made in a room, which unmounts it. */
export class Disk {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async mount(directory: string): Promise<Disk> {
    const image = `${directory}.image`;
    writeFileSync(image, '');
    truncateSync(image, diskBytes);
    mkdirSync(directory);
    await expectSuccess(['mkfs.ext4', '-q', '-m', '0', image]);
    await expectSuccess(['mount', '-o', 'loop', image, directory]);
    return new Disk(directory);
  }

  get #filler(): string {
    return join(this.directory, 'filler');
  }

  get availableBytes(): number {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize;
  }

  /** Until nothing is left. */
  async fill(): Promise<void> {
    for (let turn = 0; this.availableBytes > 0 && turn < 100; turn++) {
      const file = `${this.#filler}-${turn}`;
      const { code } = await execute(['fallocate', '-l', String(this.availableBytes), file]);
      // What is available and what can be had in one file are not the same.
      if (code !== 0) await execute(['sh', '-c', `dd if=/dev/zero of=${file} bs=4096 2>/dev/null || true`]);
    }
  }

  empty(): void {
    for (let turn = 0; turn < 100; turn++) rmSync(`${this.#filler}-${turn}`, { force: true });
  }
}
