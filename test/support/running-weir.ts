import { mkdtempSync, rmSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.ts';
import type { Overrides } from '../../src/config/index.ts';
import { fetchAttachment } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { telemetryOf } from '../../src/telemetry/index.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Weir } from '../../src/weir.ts';
import { startWeir } from '../../src/weir.ts';

/** One line of the log: its fields, `event` among them where it tells of one. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: string };

export interface Answer<T = Readonly<Record<string, never>>> {
  readonly status: number;
  readonly body: T;
}

export interface VmAnswer {
  readonly status: {
    readonly phase: string;
    readonly interfaces: readonly { readonly phase: string; readonly portId: string; readonly ofport?: number; readonly reason?: string }[];
    readonly errors: readonly SwitchErrorAnswer[];
  };
  readonly metadata: { readonly uid: string; readonly revision: number };
}

export interface SwitchErrorAnswer {
  readonly host: string;
  readonly element: string;
  readonly error: string;
  readonly at: string;
}

export interface HostAnswer {
  readonly name: string;
  readonly connected: boolean;
  readonly ovsdb: boolean;
  readonly encapIp?: string;
  readonly encapIpSource?: string;
  readonly flows: number;
  readonly driftRepaired: number;
  readonly realizedRevision: number;
  readonly warnings: readonly string[];
  readonly errors: readonly SwitchErrorAnswer[];
}

/** `file`: a configuration; without it switches come over plain TCP. `ca`: signed what the API shows. */
export interface RunOptions {
  readonly file?: string;
  readonly token?: string;
  readonly ca?: string;
}

function recorder(lines: LogLine[]): Logger {
  const log = (level: string) => (fields: object, message: string) => void lines.push({ ...fields, level, message });
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'), child: () => recorder(lines) };
}

/** The whole program in this process, on free ports, with a store of its own; its log and metrics are there to be read. */
export class RunningWeir {
  readonly log: LogLine[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'weir-run-'));
  readonly #overrides: Overrides;
  readonly #file: string | undefined;
  readonly #token: string | undefined;
  readonly #ca: string | undefined;
  #weir: Weir | undefined;

  private constructor(overrides: Overrides, { file, token, ca }: RunOptions) {
    this.#overrides = overrides;
    this.#file = file;
    this.#token = token;
    this.#ca = ca;
  }

  static async start(overrides: Overrides = {}, options: RunOptions = {}): Promise<RunningWeir> {
    const running = new RunningWeir(overrides, options);
    await running.resume();
    return running;
  }

  /** The same store, listening where it did before. */
  async resume(): Promise<void> {
    const before = this.#weir?.addresses;
    const portOf = (address: string | null | undefined): string => address?.split(':').at(-1) ?? '0';
    const insecure = this.#file === undefined ? { insecureSwitches: true } : {};
    const config = loadConfig({
      file: this.#file,
      flags: {
        data: this.#directory,
        ...insecure,
        listen: '127.0.0.1:0',
        openflow: `0.0.0.0:${portOf(before?.openflow)}`,
        ovsdb: `0.0.0.0:${portOf(before?.ovsdb)}`,
        ...this.#overrides,
      },
      environment: {},
      workingDirectory: this.#directory,
    });
    this.#weir = await startWeir(config, telemetryOf(recorder(this.log), openMetrics({ processMetrics: false })), '0.0.0');
  }

  async pause(): Promise<void> {
    await this.#weir?.close();
  }

  async stop(): Promise<void> {
    await this.pause();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get url(): string {
    return this.#weir?.addresses.api ?? '';
  }

  get openflowPort(): number {
    return Number(this.#weir?.addresses.openflow?.split(':').at(-1));
  }

  get ovsdbPort(): number {
    return Number(this.#weir?.addresses.ovsdb?.split(':').at(-1));
  }

  events(kind: string, host?: string): LogLine[] {
    return this.log.filter((line) => line['event'] === kind && (host === undefined || line['host'] === host));
  }

  async call<T = Readonly<Record<string, never>>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const { status, text } = await this.#request(method, path, body);
    return { status, body: JSON.parse(text) as T };
  }

  #request(method: string, path: string, body: unknown): Promise<{ readonly status: number; readonly text: string }> {
    const url = new URL(path, this.url);
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const headers = {
      ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, ca: this.#ca }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
      });
      sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Throws the problem when the answer is none of success. */
  async must<T = Readonly<Record<string, never>>>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call<T>(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async host(name: string): Promise<HostAnswer | undefined> {
    const { switches } = await this.must<{ switches: readonly HostAnswer[] }>('GET', '/v1/status');
    return switches.find((each) => each.name === name);
  }

  vm(tenant: string, name: string): Promise<VmAnswer> {
    return this.must<VmAnswer>('GET', `/v1/tenants/${tenant}/vms/${name}`);
  }

  async metrics(): Promise<string> {
    return (await this.#request('GET', '/metrics', undefined)).text;
  }

  /** The value of one line of the metrics; 0 when there is none. `labels` as they stand there: `host="hv1"`. */
  async metric(name: string, labels = ''): Promise<number> {
    const line = (await this.metrics()).split('\n').find((each) => each.startsWith(labels === '' ? `${name} ` : `${name}{${labels}}`));
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  /** Plugs a VM that was started and waits until its ports forward. */
  async plug(lab: Lab, tenant: string, vm: string, host?: string): Promise<Guest> {
    const query = { server: this.url, tenant, vm, ...(host !== undefined && { host }) };
    const guest = await lab.plugGuest(await fetchAttachment(query));
    if (host === undefined) await until(async () => (await this.vm(tenant, vm)).status.phase === 'active');
    return guest;
  }
}

/** Polls until `holds` gives something; the last answer is in the failure. */
export async function until<T>(holds: () => T | Promise<T>, timeoutMs = 10_000): Promise<NonNullable<T>> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
