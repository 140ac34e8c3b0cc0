import { reasonOf, WeirError } from '../base/errors.ts';

/** What a hook answers, as far as the demo looks at it. */
export interface HookAnswer {
  readonly vm: { readonly spec: { readonly interfaces: readonly { readonly mac: string; readonly addresses: readonly string[] }[] } };
  readonly interfaces: readonly { readonly portId: string; readonly mac: string; readonly addresses: readonly string[] }[];
  readonly timings: Readonly<Record<string, number>>;
  readonly phase: string;
}

export interface SwitchState {
  readonly name: string;
  readonly connected: boolean;
  readonly ovsdb: boolean;
  readonly realizedRevision: number;
  readonly flows: number;
  readonly driftRepaired: number;
  readonly openflow?: string;
  readonly errors: readonly { readonly element: string; readonly error: string }[];
}

export interface StatusAnswer {
  readonly revision: number;
  readonly switches: readonly SwitchState[];
}

export interface ClusterAnswer {
  readonly leader: string | null;
  readonly term: number;
  readonly members: readonly { readonly id: string; readonly role: string; readonly reachable: boolean }[];
}

interface WriteAnswer {
  readonly metadata: { readonly revision: number };
}

export interface ApplyAnswer {
  readonly revision: number;
  readonly results: readonly { readonly kind: string; readonly action: string }[];
}

/** What the API answered in the place of what was asked for. */
export class Refusal extends WeirError {
  readonly status: number;
  /** The code that its problem document gives; empty where there is none. */
  readonly problem: string;

  constructor(call: string, status: number, text: string) {
    super('refused', `${call}: ${status} ${text.slice(0, 500)}`);
    this.status = status;
    this.problem = /"code":"([\w-]+)"/.exec(text)?.[1] ?? '';
  }
}

/** Weir as a compute layer and its tenants know it: HTTP and nothing else. */
export class Api {
  readonly server: string;

  constructor(server: string) {
    this.server = server;
  }

  status(): Promise<StatusAnswer> {
    return this.#call('GET', '/v1/status');
  }

  /** YAML documents in one transaction. */
  apply(yaml: string): Promise<ApplyAnswer> {
    return this.#call('POST', '/v1/apply?wait=realized', { text: yaml, type: 'application/yaml' });
  }

  put(path: string, document: unknown): Promise<WriteAnswer> {
    return this.#call('PUT', `${path}?wait=realized`, json(document));
  }

  /** Accepted is enough. */
  write(path: string, document: unknown): Promise<WriteAnswer> {
    return this.#call('PUT', path, json(document));
  }

  cluster(): Promise<ClusterAnswer> {
    return this.#call('GET', '/v1/cluster');
  }

  remove(path: string): Promise<{ readonly revision: number }> {
    return this.#call('DELETE', `${path}?wait=realized`);
  }

  get<T>(path: string): Promise<T> {
    return this.#call('GET', path);
  }

  /** A question that changes nothing. */
  ask<T>(path: string, question: unknown): Promise<T> {
    return this.#call('POST', path, json(question));
  }

  createVm(tenant: string, vm: string, document: unknown): Promise<HookAnswer> {
    return this.#call('PUT', vmPath(tenant, vm), json(document));
  }

  startVm(tenant: string, vm: string, host: string): Promise<HookAnswer> {
    return this.#call('POST', `${vmPath(tenant, vm)}/start`, json({ host }));
  }

  /** Settles once all ports of a started VM are plugged and forward; 504 when they do not in time. */
  awaitActive(tenant: string, vm: string, host: string): Promise<HookAnswer> {
    return this.#call('POST', `${vmPath(tenant, vm)}/start?wait=active&timeoutMs=60000`, json({ host }));
  }

  stopVm(tenant: string, vm: string): Promise<HookAnswer> {
    return this.#call('POST', `${vmPath(tenant, vm)}/stop?wait=realized`);
  }

  deleteVm(tenant: string, vm: string): Promise<HookAnswer> {
    return this.#call('DELETE', `${vmPath(tenant, vm)}?wait=realized`);
  }

  async #call<T>(method: string, path: string, body?: { readonly text: string; readonly type: string }): Promise<T> {
    let response: Response;
    try {
      response = await fetch(new URL(path, this.server), {
        method,
        ...(body && { body: body.text, headers: { 'content-type': body.type } }),
        signal: AbortSignal.timeout(15_000),
      });
    } catch (error) {
      throw new WeirError('unreachable', `${this.server} does not answer: ${reasonOf(error)}`, { cause: error });
    }
    const text = await response.text();
    if (!response.ok) throw new Refusal(`${method} ${path}`, response.status, text);
    return JSON.parse(text) as T;
  }
}

const vmPath = (tenant: string, vm: string): string => `/v1/tenants/${tenant}/vms/${vm}`;
const json = (document: unknown) => ({ text: JSON.stringify(document), type: 'application/json' });
