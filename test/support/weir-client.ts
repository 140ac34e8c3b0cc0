import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { fetchAttachment } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';

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

/** Talks to a program that runs, wherever. */
export abstract class WeirClient {
  readonly #token: string | undefined;
  readonly #ca: string | undefined;

  constructor(options: { readonly token?: string; readonly ca?: string } = {}) {
    this.#token = options.token;
    this.#ca = options.ca;
  }

  abstract get url(): string;

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

  async hosts(): Promise<readonly HostAnswer[]> {
    return (await this.must<{ switches: readonly HostAnswer[] }>('GET', '/v1/status')).switches;
  }

  async host(name: string): Promise<HostAnswer | undefined> {
    return (await this.hosts()).find((each) => each.name === name);
  }

  /** Whether the switches of all these are connected. */
  async serves(names: readonly string[]): Promise<boolean> {
    const hosts = await this.hosts();
    return names.every((name) => hosts.some((host) => host.name === name && host.connected));
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
export async function until<T>(holds: () => T | Promise<T>, timeoutMs = 60_000): Promise<NonNullable<T>> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
