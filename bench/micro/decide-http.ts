import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Random } from '../workloads/random.ts';

/**
 * `decide` over HTTP: the program as a process of its own, this one asks it. Questions are made into text before the clock runs; what comes back is parsed and
 * counted. How long a batch keeps the event loop from others is read from the program's own metrics: the delay of a timer of 10 ms, less those.
 */
export interface HttpFigures {
  readonly batch: number;
  readonly perSecond: number;
  readonly questions: number;
  readonly batchMs: { readonly middle: number; readonly p99: number };
  readonly loopDelayMs: { readonly p99: number; readonly worst: number };
}

const tenants = 20;
const vmsPerTenant = 50;
const connections = 4;
const measuredMs = 4000;
const timerMs = 10;
const root = join(import.meta.dirname, '../..');

export async function measureHttp(batches: readonly number[], onFigures: (figures: HttpFigures) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-decide-'));
  const options = [
    '--listen',
    '127.0.0.1:0',
    '--openflow',
    '127.0.0.1:0',
    '--ovsdb',
    '127.0.0.1:0',
    '--insecure-switches',
    '--log-level',
    'error',
  ];
  const args = ['--max-semi-space-size=8', join(root, 'src/main.ts'), 'serve', '--data', directory, ...options];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => server.once('exit', resolve));
  try {
    const { value: line } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
    const { api } = JSON.parse(String(line)) as { readonly api: string };
    const agent = new Agent({ keepAlive: true });
    await call(api, agent, '/v1/apply', JSON.stringify(documents()));
    for (const batch of batches) onFigures(await measure(api, agent, batch));
    agent.destroy();
  } finally {
    server.kill('SIGTERM');
    await gone;
    rmSync(directory, { recursive: true, force: true });
  }
}

function documents(): readonly unknown[] {
  return Array.from({ length: tenants }, (_, tenant) => documentsOf(`t${tenant}`)).flat();
}

function documentsOf(tenant: string): readonly unknown[] {
  const at = (kind: string, name: string, spec: unknown, labels = {}): unknown => ({ kind, metadata: { name, tenant, labels }, spec });
  const tiers = ['web', 'app', 'db'];
  return [
    { kind: 'Tenant', metadata: { name: tenant }, spec: {} },
    at('Network', 'net', { subnets: [{ cidr: '10.0.0.0/16' }] }),
    ...tiers.map((tier) => at('Group', tier, { selector: { matchLabels: { tier } } })),
    ...tiers.map((tier, index) =>
      at('Policy', `${tier}-in`, {
        appliesTo: [tier],
        ingress: [
          { action: 'allow', from: [{ group: tiers[(index + 2) % 3] }], services: ['https', 'postgresql'] },
          { action: 'reject', from: [{ cidr: '10.0.1.0/24' }] },
        ],
        egress: [{ action: 'allow', services: ['https', 'postgresql', 'dns'] }],
      }),
    ),
    ...Array.from({ length: vmsPerTenant }, (_, vm) =>
      at('Vm', `vm-${vm}`, { interfaces: [{ name: 'eth0', network: 'net' }] }, { tier: tiers[vm % 3] }),
    ),
  ];
}

function questions(random: Random, batch: number): string {
  const vm = (tenant: number): string => `t${tenant}/vm-${random.integer(0, vmsPerTenant - 1)}`;
  const one = (): unknown => {
    const tenant = random.integer(0, tenants - 1);
    return { from: vm(tenant), to: vm(tenant), protocol: 'tcp', port: random.pick([443, 5432, 22, random.integer(1, 65_535)] as const) };
  };
  return JSON.stringify({ questions: Array.from({ length: batch }, one) });
}

async function measure(api: string, agent: Agent, batch: number): Promise<HttpFigures> {
  const random = new Random(batch);
  const bodies = Array.from({ length: Math.max(8, Math.ceil(100_000 / batch)) }, () => questions(random, batch));
  for (const body of bodies.slice(0, 8)) await call(api, agent, '/v1/decide', body);
  const times: number[] = [];
  let answered = 0;
  const started = performance.now();
  const isOver = (): boolean => performance.now() - started > measuredMs;
  const ask = async (first: number): Promise<void> => {
    for (let index = first; !isOver(); index += connections) {
      const asked = performance.now();
      const text = await call(api, agent, '/v1/decide', bodies[index % bodies.length] ?? '');
      times.push(performance.now() - asked);
      const { answers } = JSON.parse(text) as { readonly answers: readonly { readonly verdict?: string }[] };
      if (answers.length !== batch || answers.some(({ verdict }) => verdict === undefined)) throw new Error('a question has no answer');
      answered += answers.length;
    }
  };
  // Reading the metrics begins the next interval.
  await loopDelay(api, agent);
  await Promise.all(Array.from({ length: connections }, (_, index) => ask(index)));
  const elapsedMs = performance.now() - started;
  return {
    batch,
    perSecond: (answered * 1000) / elapsedMs,
    questions: answered,
    batchMs: spread(times),
    loopDelayMs: await loopDelay(api, agent),
  };
}

async function loopDelay(api: string, agent: Agent): Promise<HttpFigures['loopDelayMs']> {
  const text = await call(api, agent, '/metrics');
  const read = (name: string): number => {
    const found = new RegExp(`^nodejs_eventloop_lag_${name}_seconds ([0-9.e+-]+)$`, 'm').exec(text);
    if (found === null) throw new Error(`the metrics have no ${name} of the event loop's delay`);
    return Math.max(0, Number((Number(found[1]) * 1000 - timerMs).toPrecision(3)));
  };
  return { p99: read('p99'), worst: read('max') };
}

function spread(times: readonly number[]): { readonly middle: number; readonly p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toPrecision(4));
  return { middle: at(0.5), p99: at(0.99) };
}

function call(api: string, agent: Agent, path: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(new URL(path, api), { method: body === undefined ? 'GET' : 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${path} answered ${response.statusCode}: ${text.slice(0, 300)}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
