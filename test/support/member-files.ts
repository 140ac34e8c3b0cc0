import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pkiInit, pkiIssue } from '../../src/cli/pki.ts';
import { type ProcessOptions, WeirProcess } from './weir-process.ts';

export const token = 'platform-secret-0123456789';

export interface MemberPlace extends Pick<ProcessOptions, 'id' | 'through' | 'answerMsMax'> {
  readonly address: string;
  readonly apiPort: number;
  readonly memberPort: number;
  readonly data: string;
  /** Of those that begin the cluster, `ID: HOST:PORT`; none for one that joins or is alone. */
  readonly founders?: Readonly<Record<string, string>> | undefined;
  readonly settings?: object;
}

/** An authority in a directory, and what members need of it: certificates, a configuration each, and the process that runs by it. */
export class MemberFiles {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(directory: string): Promise<MemberFiles> {
    const files = new MemberFiles(directory);
    mkdirSync(files.#pki, { recursive: true });
    await pkiInit({ dir: files.#pki, name: 'the authority', days: 30 }, Date.now());
    return files;
  }

  get #pki(): string {
    return join(this.#directory, 'pki');
  }

  get caPath(): string {
    return join(this.#pki, 'ca.crt');
  }

  get ca(): string {
    return readFileSync(this.caPath, 'utf8');
  }

  async prepare(place: MemberPlace): Promise<WeirProcess> {
    const { id, address, apiPort, memberPort, data, founders, settings, ...running } = place;
    await pkiIssue({ dir: this.#pki, purpose: 'controller', name: id, addresses: [address], days: 30 }, Date.now());
    const own = { cert: `pki/${id}.crt`, key: `pki/${id}.key` };
    const configuration = {
      data,
      listen: `${address}:${apiPort}`,
      member: { id, listen: `${address}:${memberPort}`, ...(founders && { founders }) },
      tls: { api: own, members: { ...own, ca: 'pki/ca.crt' } },
      tokens: [{ token, role: 'platform' }],
      ...settings,
    };
    const path = join(this.#directory, `${id}.json`);
    writeFileSync(path, JSON.stringify(configuration));
    return new WeirProcess({ ...running, id, url: `https://${address}:${apiPort}`, args: ['--config', path], token, ca: this.ca });
  }
}
