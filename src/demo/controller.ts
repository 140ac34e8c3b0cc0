import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WeirError } from '../base/errors.ts';
import { endProcesses } from '../lab/index.ts';
import { delay } from './act.ts';
import { endGently } from './standing.ts';

export interface Addresses {
  readonly api: string;
  readonly openflow: string;
  readonly ovsdb: string;
}

/** Lines of its log, by the event that they tell of. */
export interface Events {
  /** It has read and compared a switch that it came to own. */
  readonly resynced: { readonly time: string; readonly host: string; readonly flowsSent: number };
  /** It owns a switch no more. */
  readonly 'switch-yielded': { readonly time: string; readonly host: string; readonly owner: string };
}

export const launcher = resolve(import.meta.dirname, '../../bin/weir');
/** On a machine that is busy. How long it takes, and whether that is too long, is for the acts to say. */
const startTimeoutMs = 60_000;

/** A directory of its own, and the address at which the switches reach this machine. */
export interface ControllerOptions {
  readonly directory: string;
  readonly switchAddress: string;
  /** Of `serve`, beside where it listens and keeps its data. */
  readonly flags?: readonly string[];
}

/**
 * Weir as a process of its own, started by `bin/weir serve`. It is in a process group of its own: Ctrl-C at the terminal
 * reaches only the demo, which ends it when the rest is done. After `kill` it can be started again at the same addresses.
 */
export class ControllerProcess {
  readonly #options: ControllerOptions;
  #child: ChildProcess | undefined;
  #addresses: Addresses | undefined;
  #failure: Error | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true });
  }

  get addresses(): Addresses {
    if (!this.#addresses) throw new WeirError('not-started', 'the controller was never started');
    return this.#addresses;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new WeirError('not-started', 'the controller is not running');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get wasStarted(): boolean {
    return this.#addresses !== undefined;
  }

  get dataDirectory(): string {
    return join(this.#options.directory, 'data');
  }

  get logPath(): string {
    return join(this.#options.directory, 'weir.log');
  }

  get #outputPath(): string {
    return join(this.#options.directory, 'weir.out');
  }

  get argv(): readonly string[] {
    const { switchAddress, flags: more = [] } = this.#options;
    const at = (url: string | undefined, otherwise: string): string => url?.replace(/^\w+:(\/\/)?/, '') ?? otherwise;
    const known = this.#addresses;
    const flags = {
      data: this.dataDirectory,
      listen: at(known?.api, '127.0.0.1:0'),
      openflow: at(known?.openflow, `${switchAddress}:0`),
      ovsdb: at(known?.ovsdb, `${switchAddress}:0`),
    };
    return ['serve', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]), '--insecure-switches', ...more];
  }

  /** Returns at once, so that its pid can be noted before anything else happens. `listens` says whether it came to anything. */
  launch(): void {
    const output = openSync(this.#outputPath, 'w');
    const log = openSync(this.logPath, 'a');
    const child = spawn(launcher, this.argv, { detached: true, stdio: ['ignore', output, log], env: plainEnvironment() });
    closeSync(output);
    closeSync(log);
    this.#child = child;
    this.#failure = undefined;
    child.once('error', (error) => (this.#failure = error));
  }

  /** Returns when everything listens. Throws `controller-failed` with what it complained of. */
  async listens(): Promise<Addresses> {
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      const line = readFileSync(this.#outputPath, 'utf8').split('\n')[0] ?? '';
      if (line.endsWith('}')) {
        this.#addresses = JSON.parse(line) as Addresses;
        return this.#addresses;
      }
      const { exitCode, signalCode } = this.#child ?? { exitCode: null, signalCode: 'SIGKILL' };
      const ended = this.#failure !== undefined || exitCode !== null || signalCode !== null;
      if (ended || performance.now() > deadline) {
        const complaint = this.#failure?.message ?? readFileSync(this.logPath, 'utf8').trim().split('\n').slice(-3).join('\n');
        throw new WeirError('controller-failed', `Weir ${ended ? 'ended at its start' : 'does not listen'}: ${complaint}`);
      }
      await delay(10);
    }
  }

  /** SIGKILL: no farewell to anybody. */
  async kill(): Promise<void> {
    await endProcesses([this.pid], 'SIGKILL');
    this.#child = undefined;
  }

  /** SIGSTOP: it stands still, its connections open. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Lets it end by itself, and ends it when it does not. */
  async stop(): Promise<void> {
    const pid = this.#child?.pid;
    this.#child = undefined;
    if (pid !== undefined) await endGently([pid]);
  }

  /** Leaves it running when this process ends. */
  release(): void {
    this.#child?.unref();
  }

  /** What it said of such events since a moment of the wall clock. */
  events<K extends keyof Events>(kind: K, sinceMs: number): readonly Events[K][] {
    const lines = this.#log();
    const events = lines
      .filter((line) => line.includes(`"event":"${kind}"`) && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Events[K]);
    return events.filter(({ time }) => Date.parse(time) >= sinceMs);
  }

  /** The last warnings and errors that it logged, one a line. */
  complaints(count: number): readonly string[] {
    return this.#log()
      .filter((line) => line !== '' && !line.includes('"level":"info"'))
      .slice(-count);
  }

  #log(): readonly string[] {
    return existsSync(this.logPath) ? readFileSync(this.logPath, 'utf8').split('\n') : [];
  }
}

/** What somebody has set for a Weir of theirs must not reach this one. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')));
}
