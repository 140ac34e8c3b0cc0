import { join } from 'node:path';
import { expectWeir } from './command.ts';

/** Of one member, and the authority that all of them trust. */
export interface MemberFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** `weir pki`, as an operator would. */
export class Authority {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(directory: string): Promise<Authority> {
    await expectWeir(['pki', 'init', '--dir', directory, '--days', '2']);
    return new Authority(directory);
  }

  async issue(member: string): Promise<MemberFiles> {
    await expectWeir(['pki', 'issue', 'controller', member, '--dir', this.#directory, '--address', '127.0.0.1', '--days', '1']);
    const file = (name: string): string => join(this.#directory, name);
    return { cert: file(`${member}.crt`), key: file(`${member}.key`), ca: file('ca.crt') };
  }
}
