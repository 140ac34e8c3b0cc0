import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { pkiInit, pkiIssue } from '../../src/cli/pki.ts';
import { freePorts } from './ports.ts';
import { WeirClient } from './weir-client.ts';

const root = join(import.meta.dirname, '../..');
const token = 'platform-secret-0123456789';
const run = promisify(execFile);

interface Place {
  readonly api: number;
  readonly members: number;
}

/** One member as a process of its own, with an API on loopback. */
export class MemberProcess extends WeirClient {
  readonly id: string;
  readonly url: string;
  readonly #arguments: readonly string[];
  readonly #through: readonly string[];
  readonly errors: string[] = [];
  #child: ChildProcess | undefined;

  /** `through`: a command that becomes the process. */
  constructor(id: string, url: string, ca: string, args: readonly string[], through: readonly string[] = []) {
    super({ token, ca });
    this.id = id;
    this.url = url;
    this.#arguments = args;
    this.#through = through;
  }

  /** Settles when it listens. Rejects with what it said when it ended before. */
  async start(more: readonly string[] = []): Promise<void> {
    // It becomes the process: `pid` is the controller's.
    const program = [join(root, 'bin/weir'), 'serve', ...this.#arguments, ...more];
    const [command = '', ...args] = [...this.#through, ...program];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    createInterface({ input: child.stderr }).on('line', (line) => this.errors.push(line));
    for await (const line of createInterface({ input: child.stdout })) {
      if ((JSON.parse(line) as { readonly event: string }).event === 'listening') return;
    }
    throw new Error(`${this.id} ended before it listened:\n${this.errors.join('\n')}`);
  }

  get pid(): number {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) throw new Error(`${this.id} does not run`);
    return child.pid;
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }
}

/** Members on loopback, over TLS with an authority of their own, in one directory. */
export class WeirCluster {
  readonly #directory: string;
  readonly #places = new Map<string, Place>();
  readonly members = new Map<string, MemberProcess>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(directory: string): Promise<WeirCluster> {
    const cluster = new WeirCluster(directory);
    await pkiInit({ dir: cluster.#pki, name: 'the authority', days: 30 }, Date.now());
    return cluster;
  }

  get #pki(): string {
    return join(this.#directory, 'pki');
  }

  async reserve(...ids: string[]): Promise<void> {
    const ports = await freePorts(2 * ids.length);
    ids.forEach((id, at) => this.#places.set(id, { api: ports[2 * at] ?? 0, members: ports[2 * at + 1] ?? 0 }));
  }

  #place(id: string): Place {
    const place = this.#places.get(id);
    if (place === undefined) throw new Error(`${id} has no place`);
    return place;
  }

  address(id: string): string {
    return `127.0.0.1:${this.#place(id).members}`;
  }

  data(id: string): string {
    return join(this.#directory, id);
  }

  /** Its certificate and its configuration; `founders` is left out by one that joins or is alone. */
  async prepare(id: string, founders: readonly string[] = [], data = this.data(id)): Promise<MemberProcess> {
    await pkiIssue({ dir: this.#pki, purpose: 'controller', name: id, addresses: ['127.0.0.1'], days: 30 }, Date.now());
    const own = { cert: `pki/${id}.crt`, key: `pki/${id}.key` };
    const url = `https://127.0.0.1:${this.#place(id).api}`;
    const list = Object.fromEntries(founders.map((each) => [each, this.address(each)]));
    const config = {
      data,
      listen: new URL(url).host,
      member: { id, ...(founders.length > 0 ? { founders: list } : { listen: this.address(id) }) },
      tls: { api: own, members: { ...own, ca: 'pki/ca.crt' } },
      tokens: [{ token, role: 'platform' }],
    };
    const path = join(this.#directory, `${id}.yaml`);
    writeFileSync(path, JSON.stringify(config));
    const member = new MemberProcess(id, url, readFileSync(join(this.#pki, 'ca.crt'), 'utf8'), ['--config', path]);
    this.members.set(id, member);
    return member;
  }

  get(id: string): MemberProcess {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`${id} is not prepared`);
    return member;
  }

  /** `weir …`, asking the API of a member; JSON out. Rejects with what it complains of. */
  async command<T>(at: MemberProcess, ...args: string[]): Promise<T> {
    return JSON.parse(await this.text(at, ...args, '--json')) as T;
  }

  async text(at: MemberProcess, ...args: string[]): Promise<string> {
    const environment = { ...process.env, WEIR_SERVER: at.url, WEIR_TOKEN: token, WEIR_CA: join(this.#pki, 'ca.crt') };
    const { stdout } = await run(process.execPath, [join(root, 'src/main.ts'), ...args], { env: environment });
    return stdout;
  }

  readonly joinToken = token;

  async close(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.end('SIGKILL')));
  }
}
