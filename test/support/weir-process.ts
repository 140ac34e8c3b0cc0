import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePorts } from './ports.ts';
import { WeirClient } from './weir-client.ts';

interface Addresses {
  readonly api: string;
  readonly openflow: string;
  readonly ovsdb: string;
}

const root = join(import.meta.dirname, '../..');
const portOf = (address: string): string => address.split(':').at(-1) ?? '';

/** The program as a process of its own, so that it can be killed. It comes back on the same store and ports. */
export class WeirProcess extends WeirClient {
  readonly #directory = mkdtempSync(join(tmpdir(), 'weir-process-'));
  readonly #advertise: string;
  readonly #more: readonly string[];
  /** The checkout that it is started from. */
  source = root;
  #child: ChildProcess | undefined;
  #addresses: Addresses | undefined;

  private constructor(advertise: string, more: readonly string[]) {
    super();
    this.#advertise = advertise;
    this.#more = more;
  }

  /** OpenFlow on 127.0.0.1 only: switches find it through a proxy at `advertise`. */
  static async start(advertise: string, more: readonly string[] = []): Promise<WeirProcess> {
    const weir = new WeirProcess(advertise, more);
    const [api, openflow, ovsdb] = await freePorts(3);
    weir.#addresses = { api: `http://127.0.0.1:${api}`, openflow: `:${openflow}`, ovsdb: `:${ovsdb}` };
    await weir.resume();
    return weir;
  }

  async resume(): Promise<void> {
    const child = this.#spawn('inherit');
    this.#child = child;
    if (!child.stdout) throw new Error('standard output is a pipe');
    for await (const line of createInterface({ input: child.stdout })) {
      this.#addresses = JSON.parse(line) as Addresses;
      return;
    }
    throw new Error('the program ended before it listened');
  }

  /** It is started, and ends by itself. */
  async refusal(): Promise<{ readonly exitCode: number | null; readonly message: string }> {
    const child = this.#spawn('pipe');
    this.#child = child;
    let message = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (message += text));
    const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { exitCode, message };
  }

  #spawn(errors: 'inherit' | 'pipe'): ChildProcess {
    const { api, openflow, ovsdb } = this.#addresses ?? { api: 'http://127.0.0.1:0', openflow: ':0', ovsdb: ':0' };
    const listen = [
      '--listen',
      `127.0.0.1:${portOf(api)}`,
      '--openflow',
      `127.0.0.1:${portOf(openflow)}`,
      '--ovsdb',
      `0.0.0.0:${portOf(ovsdb)}`,
    ];
    const options = [
      '--data',
      this.#directory,
      ...listen,
      '--advertise',
      this.#advertise,
      '--insecure-switches',
      '--log-level',
      'error',
      ...this.#more,
    ];
    return spawn(process.execPath, [join(this.source, 'src/main.ts'), 'serve', ...options], { stdio: ['ignore', 'pipe', errors] });
  }

  /** As a power cut would. Returns when it is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** As who runs it would. Returns when it is gone. */
  end(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** It stands still, its connections open, until it is let go on. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  override get url(): string {
    return this.#addresses?.api ?? '';
  }

  get openflowPort(): number {
    return Number(portOf(this.#addresses?.openflow ?? ''));
  }

  get ovsdbPort(): number {
    return Number(portOf(this.#addresses?.ovsdb ?? ''));
  }
}
