import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MemberFiles, token } from './member-files.ts';
import { freePorts } from './ports.ts';
import type { WeirProcess } from './weir-process.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const run = promisify(execFile);
const address = '127.0.0.1';

/** Members as processes on loopback, over TLS with an authority of their own, in one directory. */
export class WeirCluster {
  readonly #directory: string;
  readonly #files: MemberFiles;
  readonly members = new Map<string, WeirProcess>();

  private constructor(directory: string, files: MemberFiles) {
    this.#directory = directory;
    this.#files = files;
  }

  /** Those that begin it, each of them prepared. */
  static async found(directory: string, ids: readonly string[]): Promise<WeirCluster> {
    const cluster = new WeirCluster(directory, await MemberFiles.make(directory));
    const ports = await freePorts(2 * ids.length);
    const founders = Object.fromEntries(ids.map((id, at) => [id, `${address}:${ports[at]}`]));
    for (const [at, id] of ids.entries()) {
      const [memberPort = 0, apiPort = 0] = [ports[at], ports[ids.length + at]];
      cluster.members.set(
        id,
        await cluster.#files.prepare({ id, address, apiPort, memberPort, data: join(cluster.#directory, id), founders }),
      );
    }
    return cluster;
  }

  get(id: string): WeirProcess {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  /** `weir …`, asking the API of a member. Rejects with what it complains of. */
  async text(at: WeirProcess, ...args: string[]): Promise<string> {
    const environment = { ...process.env, WEIR_SERVER: at.url, WEIR_TOKEN: token, WEIR_CA: this.#files.caPath };
    const { stdout } = await run(process.execPath, [main, ...args], { env: environment });
    return stdout;
  }

  async close(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.end('SIGKILL')));
  }
}
