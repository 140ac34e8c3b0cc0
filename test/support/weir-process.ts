import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { type Answer, WeirClient } from './weir-client.ts';

/** One line of the log: its fields, `event` among them where it tells of one. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: string };

export interface ProcessOptions {
  readonly id: string;
  readonly url: string;
  /** Of `weir serve`. */
  readonly args: readonly string[];
  /** A command that becomes the one behind it: in a namespace, say. */
  readonly through?: readonly string[];
  readonly token?: string;
  readonly ca?: string;
  /** Whatever goes on, there is an answer within so long. */
  readonly answerMsMax?: number;
}

const here = join(import.meta.dirname, '../..');
const startMsMax = 90_000;
const endMsMax = 20_000;
const linesTold = 5;

/** The program as a process of its own, as `bin/weir serve` starts it: it is killed, frozen, and started again on what it left. */
export class WeirProcess extends WeirClient {
  readonly id: string;
  readonly url: string;
  /** Of all its lives. */
  readonly log: LogLine[] = [];
  /** The checkout that it is started from. */
  source = here;
  readonly #args: readonly string[];
  readonly #through: readonly string[];
  readonly #answerMsMax: number;
  #child: ChildProcess | undefined;

  constructor({ id, url, args, through = [], answerMsMax = 120_000, ...access }: ProcessOptions) {
    super(access);
    this.id = id;
    this.url = url;
    this.#args = args;
    this.#through = through;
    this.#answerMsMax = answerMsMax;
  }

  /** Settles when it listens. Rejects with what it said when it ended before; one that found no leader is started again, as its unit would. */
  async start(more: readonly string[] = []): Promise<void> {
    for (const endsAt = performance.now() + startMsMax; !(await this.#startsOnce(more));)
      if (performance.now() > endsAt || !this.log.at(-1)?.message.endsWith('(no-leader)'))
        throw new Error(this.#told('ended before it listened'));
  }

  async #startsOnce(more: readonly string[]): Promise<boolean> {
    const child = this.#spawn(more);
    const closed = once(child, 'close');
    closed.catch(() => undefined);
    const late = setTimeout(() => child.kill('SIGKILL'), startMsMax);
    try {
      for await (const line of createInterface({ input: child.stdout })) if (read(line)['event'] === 'listening') return true;
    } finally {
      clearTimeout(late);
    }
    await closed;
    return false;
  }

  /** It is started, and ends by itself. */
  async refusal(): Promise<{ readonly exitCode: number | null; readonly message: string }> {
    const before = this.log.length;
    const child = this.#spawn([]);
    child.stdout.resume();
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return {
      exitCode,
      message: this.log
        .slice(before)
        .map(({ message }) => message)
        .join('\n'),
    };
  }

  #spawn(more: readonly string[]) {
    const [command = '', ...args] = [...this.#through, join(this.source, 'bin/weir'), 'serve', ...this.#args, ...more];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: child.stderr }).on('line', (line) => this.log.push(read(line)));
    this.#child = child;
    return child;
  }

  override async call<T = Readonly<Record<string, never>>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    try {
      return await within(this.#answerMsMax, super.call<T>(method, path, body));
    } catch (cause) {
      throw new Error(this.#told(`does not answer ${method} ${path}: ${String(cause)}`), { cause });
    }
  }

  #told(what: string): string {
    const last = this.log.slice(-linesTold).map((line) => JSON.stringify(line));
    return [`${this.id}${this.isRunning ? '' : ', which does not run,'} ${what}`, ...last].join('\n');
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined || !this.isRunning) throw new Error(`${this.id} does not run`);
    return pid;
  }

  /** As a power cut would (SIGKILL, also while it stands still), or as who runs it would. Returns when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await within(endMsMax, gone).catch(() => Promise.reject(new Error(this.#told(`does not end within ${endMsMax} ms of ${signal}`))));
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

async function within<T>(limitMs: number, awaited: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = pause(limitMs, undefined, { signal: over.signal }).then(() => Promise.reject(new Error(`not within ${limitMs} ms`)));
  late.catch(() => undefined);
  try {
    return await Promise.race([awaited, late]);
  } finally {
    over.abort();
  }
}

function read(line: string): LogLine {
  try {
    const { msg, ...fields } = JSON.parse(line) as { readonly level: string; readonly msg?: string };
    return { ...fields, message: msg ?? '' };
  } catch {
    return { level: 'error', message: line };
  }
}
