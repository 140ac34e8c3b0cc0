import { readFileSync, rmSync } from 'node:fs';
import type { MemberTls } from '../../../cluster/index.ts';
import { pkiInit, pkiIssue } from '../../../src/cli/pki.ts';

interface Asked {
  readonly days?: number;
  readonly nowMs?: number;
  readonly purpose?: 'controller' | 'switch';
}

/** An authority in a directory, as `weir pki` makes it. */
export class Authority {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async make(dir: string): Promise<Authority> {
    await pkiInit({ dir, name: 'test authority', days: 30 }, Date.now());
    return new Authority(dir);
  }

  get certificate(): string {
    return readFileSync(`${this.#dir}/ca.crt`, 'utf8');
  }

  async member(id: string, { days = 30, nowMs = Date.now(), purpose = 'controller' }: Asked = {}): Promise<MemberTls> {
    const files = await pkiIssue({ dir: this.#dir, purpose, name: id, addresses: ['127.0.0.1'], days }, nowMs);
    const issued = { ca: this.certificate, certificate: readFileSync(files.certificate, 'utf8'), key: readFileSync(files.key, 'utf8') };
    // Of one name there may be a switch and a controller.
    for (const file of Object.values(files)) rmSync(file);
    return issued;
  }
}
