import { mkdtemp, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MemberOpening, type MemberStore, openMember, releaseNamed } from '../../cluster/index.ts';
import { openAdmission, type Admission } from '../../src/admission/index.ts';
import { buildApi, type Api } from '../../src/api/app.ts';
import type { ApiOptions, ApiPorts, Token } from '../../src/api/ports.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { openDecider } from '../../src/inquiry/decide/index.ts';
import type { StandingOptions } from '../../src/inquiry/decide/standing-classifier.ts';
import { WeirError } from '../../src/base/errors.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { HostStatus, InterfaceStatus, Realization, RuleCounters, Seen } from '../../src/controller/ports.ts';
import { openPlan } from '../../src/inquiry/plan/plan.ts';
import { openLint } from '../../src/inquiry/lint/lint.ts';
import { openExplain } from '../../src/inquiry/explain/explain.ts';
import { openVmHooks } from '../../src/lifecycle/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';

/** A real API on a real store with real admission; only the switches are pretended. */
export interface Server {
  readonly api: Api;
  readonly url: string;
  readonly store: MemberStore;
  readonly admission: Admission;
  readonly switches: PretendedSwitches;
  readonly counted: string[];
  close(): Promise<void>;
}

/** What the controller would say of switches. Tests change it. */
const uncounted: RuleCounters = { packets: 0, bytes: 0, connections: 0, lastHitMs: undefined, sinceMs: 0 };

export interface PretendedSwitches {
  realization: Realization;
  active: boolean;
  hosts: HostStatus[];
  /** The thread that speaks with them does not answer about hosts. */
  isBusy: boolean;
  interfaces: InterfaceStatus[];
  counters: Map<number, RuleCounters>;
  unready: string | undefined;
  memberWarnings: readonly string[];
}

export const secrets = {
  platform: 'platform-secret-0123',
  compute: 'compute-secret-01234',
  acme: 'acme-secret-01234567',
  other: 'other-secret-0123456',
} as const;

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

export const tokens: readonly Token[] = [
  { name: 'p', sha256: sha256(secrets.platform), role: 'platform' },
  { name: 'c', sha256: sha256(secrets.compute), role: 'compute' },
  { name: 'a', sha256: sha256(secrets.acme), role: 'tenant', tenant: 'acme' },
  { name: 'o', sha256: sha256(secrets.other), role: 'tenant', tenant: 'other' },
];

export interface ServerOptions extends Partial<ApiOptions> {
  readonly retentionMs?: number;
  readonly clock?: Clock;
  readonly decide?: Partial<Pick<StandingOptions, 'limits' | 'onProblem' | 'clock'>>;
  readonly policyLog?: ApiPorts['policyLog'];
}

const lone: Omit<MemberOpening, 'directory' | 'clock'> = {
  id: 'weir-0',
  listen: undefined,
  runs: releaseNamed('0.0.0'),
  origin: async () => ({ kind: 'alone' }),
  onEvent: () => undefined,
  onWaiting: () => undefined,
};

export async function openServer(options: ServerOptions = {}): Promise<Server> {
  const { clock = systemClock } = options;
  const directory = await mkdtemp(join(tmpdir(), 'weir-api-'));
  const member = await openMember({
    ...lone,
    directory,
    clock,
    retentionMs: options.retentionMs ?? 3_600_000,
    reserveBytes: 65_536,
    segmentBytes: 1_048_576,
    compactionIntervalMs: 50,
  });
  const { store, members } = member;
  const admission = await openAdmission({ store, clock, random: systemRandom });
  const decide = openDecider({
    snapshot: () => admission.snapshot(),
    clock,
    onProblem: (reason) => {
      throw new Error(reason);
    },
    ...options.decide,
  });
  admission.onCommitted((commit) => decide.committed(commit));
  const switches: PretendedSwitches = {
    realization: { realized: true },
    active: true,
    hosts: [],
    isBusy: false,
    interfaces: [],
    counters: new Map(),
    unready: undefined,
    memberWarnings: [],
  };
  const counted: string[] = [];
  const realized: ApiPorts['realized'] = {
    waitRealized: async () => switches.realization,
    follow: async ({ until }) => ({
      spent: { overlayMs: 0.001, qosMs: 0.001 },
      realization: until === 'compiled' ? { realized: true } : switches.realization,
      isActive: until !== 'active' || switches.active,
      effect: { errors: [], interfaces: switches.interfaces, host: undefined },
    }),
  };
  const seen: Seen = {
    hostStatus: (name) => switches.hosts.find((host) => host.name === name),
    hosts: () => switches.hosts,
    interfaceStatus: () => switches.interfaces,
    errorsOf: () => [],
  };
  const read: ApiPorts['read'] = {
    hosts: async () => {
      if (switches.isBusy) throw new WeirError('southbound-busy', 'no answer about switches');
      return seen.hosts();
    },
    effects: async (all) =>
      all.map(({ kind, name }) => ({
        errors: [],
        interfaces: kind === 'Vm' ? switches.interfaces : [],
        host: kind === 'Host' ? seen.hostStatus(name) : undefined,
      })),
  };
  const counters: ApiPorts['counters'] = {
    ofRules: async (ids) => new Map(ids.map((id) => [id, { ...(switches.counters.get(id) ?? uncounted), flows: 1 }])),
    refresh: async () => void counted.push('refresh'),
  };
  const ports: ApiPorts = {
    clock,
    admission,
    budget: admission.budget,
    store,
    realized,
    read,
    counters,
    explain: openExplain({
      snapshot: () => admission.snapshot(),
      history: { at: (revision) => admission.at(revision), revisionAt: (wallMs) => store.revisionAt(wallMs) },
      read: seen,
      intentions: { of: () => undefined },
      counters: undefined,
      guestMtu: () => 1450,
    }),
    policyLog: options.policyLog ?? { read: () => [], follow: () => () => undefined },
    hooks: openVmHooks({ admission, realized, clock, guestMtu: () => 1450 }),
    decide,
    plan: openPlan({ admission, read, counters, clock }),
    lint: openLint({
      admission,
      clock,
      onProblem: (reason) => {
        throw reason;
      },
    }),
    cluster: {
      version: '0.0.0-test',
      members: () => [{ name: 'weir-0', address: '127.0.0.1', leader: true, reachable: true }],
      warningsOf: () => switches.memberWarnings,
      control: members,
      unreadyReason: () => switches.unready,
    },
    log: { ...silentLogger, error: (fields) => console.error(fields) },
    metrics: {
      request: (method, route, status) => void counted.push(`${method} ${route} ${status}`),
      watchers: (open) => void counted.push(`watchers ${open}`),
      watcherCut: () => void counted.push('cut'),
      expose: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'weir_up 1\n' }),
    },
  };
  const api = buildApi(ports, {
    tokens: [],
    tls: undefined,
    bodyBytesMax: 1_048_576,
    requestsPerSecondMax: undefined,
    watchersMax: 100,
    watchersPerTenantMax: 100,
    watchBufferBytesMax: 1_048_576,
    ...options,
  });
  await api.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api.server.address() as AddressInfo;
  return {
    api,
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    store,
    admission,
    switches,
    counted,
    async close() {
      await api.close();
      admission.close();
      await member.close();
      await rm(directory, { recursive: true });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined when the body is none. */
  readonly body: any;
}

export interface Ask {
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
}

/** One request over the socket. */
export async function ask(server: Server, method: string, path: string, { body, text, headers, token }: Ask = {}): Promise<Answer> {
  const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(server.url + path, {
    method,
    headers: {
      ...(sent !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(sent !== undefined && { body: sent }),
  });
  const answer = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(answer) : undefined };
}

/** A host as the controller makes it known when its switch connects. */
export async function registerHost(server: Server, name: string, encapIp: string): Promise<void> {
  await server.admission.submit({ writes: [{ verb: 'register', kind: 'Host', name, encapIp }] });
}

export const acme = {
  tenant: { spec: { posture: 'zero-trust' } },
  network: { spec: { subnets: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00:1::/64' }] } },
  vm: { metadata: { labels: { app: 'web' } }, spec: { interfaces: [{ name: 'eth0', network: 'web' }] } },
} as const;

/** Tenant acme with network web, and tenant other. */
export async function prepareTenants(server: Server, token?: string): Promise<void> {
  const asked = { ...(token !== undefined && { token }) };
  for (const [path, body] of [
    ['/v1/tenants/acme', acme.tenant],
    ['/v1/tenants/other', acme.tenant],
    ['/v1/tenants/acme/networks/web', acme.network],
  ] as const) {
    const { status, body: answer } = await ask(server, 'PUT', path, { ...asked, body });
    if (status !== 201) throw new Error(`PUT ${path} answered ${status}: ${JSON.stringify(answer)}`);
  }
}
