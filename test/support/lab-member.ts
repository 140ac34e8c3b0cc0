import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { Station } from '../../src/lab/index.ts';
import type { LogLine } from './running-weir.ts';
import { type Answer, WeirClient } from './weir-client.ts';

/** Longer than a member is patient with the others, and than it is asked to wait. */
const answerMsMax = 25_000;
const endMsMax = 20_000;
const launcher = join(import.meta.dirname, '../../bin/weir');

export interface LabMemberOptions {
  readonly id: string;
  readonly station: Station;
  readonly configuration: string;
  readonly token: string;
  readonly ca: string;
}

/** A controller as a process of its own on a machine of its own, as `bin/weir serve` starts it. */
export class LabMember extends WeirClient {
  readonly id: string;
  readonly station: Station;
  /** Of all its lives. */
  readonly log: LogLine[] = [];
  readonly #configuration: string;
  #child: ChildProcess | undefined;

  constructor({ id, station, configuration, token, ca }: LabMemberOptions) {
    super({ token, ca });
    this.id = id;
    this.station = station;
    this.#configuration = configuration;
  }

  get url(): string {
    return `https://${this.station.address}:6680`;
  }

  /** Settles when it listens. Rejects with what it said when it ended before. */
  async start(more: readonly string[] = []): Promise<void> {
    const [file = '', ...args] = this.station.command([launcher, 'serve', '--config', this.#configuration, ...more]);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const before = this.log.length;
    createInterface({ input: child.stderr }).on('line', (line) => this.log.push(read(line)));
    for await (const line of createInterface({ input: child.stdout })) if (read(line)['event'] === 'listening') return;
    throw new Error(`${this.id} ended before it listened: ${JSON.stringify(this.log.slice(before).slice(-5))}`);
  }

  /** Whatever goes on, there is an answer within so long. */
  override async call<T = Readonly<Record<string, never>>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const waited = new AbortController();
    const silence = pause(answerMsMax, undefined, { signal: waited.signal, ref: false }).then(() => {
      throw new Error(`${this.id} has not answered ${method} ${path} within ${answerMsMax} ms`);
    });
    try {
      return await Promise.race([super.call<T>(method, path, body), silence]);
    } finally {
      waited.abort();
      silence.catch(() => undefined);
    }
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Returns when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const patience = AbortSignal.timeout(endMsMax);
    const late = once(patience, 'abort').then(() =>
      Promise.reject(new Error(`${this.id} does not end within ${endMsMax} ms of ${signal}`)),
    );
    await Promise.race([gone, late]);
  }

  /** It stands still, its connections open, until it is let go on. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  events(kind: string, host?: string): readonly LogLine[] {
    return this.log.filter((line) => line['event'] === kind && (host === undefined || line['host'] === host));
  }
}

function read(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: 'error', message: line };
  }
}
