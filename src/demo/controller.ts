import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WeirError } from '../base/errors.ts';
import { endProcesses } from '../lab/index.ts';
import { delay } from './act.ts';

export interface Addresses {
  readonly api: string;
  readonly openflow: string;
  readonly ovsdb: string;
}

/** A line of its log. */
export interface Resync {
  readonly time: string;
  readonly host: string;
  readonly flowsSent: number;
}

const launcher = resolve(import.meta.dirname, '../../bin/weir');
const startTimeoutMs = 20_000;

/** A directory of its own, and the address at which the switches reach this machine. */
export interface ControllerOptions {
  readonly directory: string;
  readonly switchAddress: string;
}

/**
 * Weir as a process of its own, started by `bin/weir serve`. It is in a process group of its own: Ctrl-C at the terminal
 * reaches only the demo, which ends it when the rest is done. After `kill` it can be started again at the same addresses.
 */
export class ControllerProcess {
  readonly #options: ControllerOptions;
  #child: ChildProcess | undefined;
  #addresses: Addresses | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
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

  get dataDirectory(): string {
    return join(this.#options.directory, 'data');
  }

  get logPath(): string {
    return join(this.#options.directory, 'weir.log');
  }

  get argv(): readonly string[] {
    const { switchAddress } = this.#options;
    const at = (url: string | undefined, otherwise: string): string => url?.replace(/^\w+:(\/\/)?/, '') ?? otherwise;
    const known = this.#addresses;
    const flags = {
      data: this.dataDirectory,
      listen: at(known?.api, '127.0.0.1:0'),
      openflow: at(known?.openflow, `${switchAddress}:0`),
      ovsdb: at(known?.ovsdb, `${switchAddress}:0`),
    };
    return ['serve', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]), '--insecure-switches'];
  }

  /** Returns when everything listens. Throws `controller-failed` with what it complained of. */
  async start(): Promise<Addresses> {
    const outputPath = join(this.#options.directory, 'weir.out');
    const output = openSync(outputPath, 'w');
    const log = openSync(this.logPath, 'a');
    const child = spawn(launcher, this.argv, { detached: true, stdio: ['ignore', output, log], env: plainEnvironment() });
    closeSync(output);
    closeSync(log);
    this.#child = child;
    let failure: Error | undefined;
    child.once('error', (error) => (failure = error));
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      const line = readFileSync(outputPath, 'utf8').split('\n')[0] ?? '';
      if (line.endsWith('}')) {
        this.#addresses = JSON.parse(line) as Addresses;
        return this.#addresses;
      }
      const ended = failure !== undefined || child.exitCode !== null || child.signalCode !== null;
      if (ended || performance.now() > deadline) {
        const complaint = failure?.message ?? readFileSync(this.logPath, 'utf8').trim().split('\n').slice(-3).join('\n');
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

  /** Lets it end by itself, and ends it when it does not. */
  async stop(): Promise<void> {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    this.#child = undefined;
    const left = await endProcesses([pid], 'SIGTERM', 5000);
    if (left.length > 0) await endProcesses(left, 'SIGKILL');
  }

  /** Leaves it running when this process ends. */
  release(): void {
    this.#child?.unref();
  }

  /** What it said of a switch that it read and compared after connecting, since a moment of the wall clock. */
  resyncs(sinceMs: number): readonly Resync[] {
    const lines = readFileSync(this.logPath, 'utf8').split('\n');
    const resyncs = lines.filter((line) => line.includes('"event":"resynced"')).map((line) => JSON.parse(line) as Resync);
    return resyncs.filter(({ time }) => Date.parse(time) >= sinceMs);
  }

  /** The last warnings and errors that it logged, one a line. */
  complaints(count: number): readonly string[] {
    const lines = readFileSync(this.logPath, 'utf8').split('\n');
    return lines.filter((line) => line !== '' && !line.includes('"level":"info"')).slice(-count);
  }
}

/** What somebody has set for a Weir of theirs must not reach this one. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')));
}
