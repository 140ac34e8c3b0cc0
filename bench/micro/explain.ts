import { parseArgs } from 'node:util';
import { flowKey } from '../../flows/model/index.ts';
import type { Flow } from '../../flows/model/index.ts';
import { baseOwner, renderBase, renderElement, renderPort, renderTunnelPort, tunnelPortOwner } from '../../flows/render/index.ts';
import { FlowIndex, packetOf, trace, trackingStates } from '../../flows/trace/index.ts';
import { gatewayMac } from '../../flows/pipeline/index.ts';
import { createGraph } from '../../policies/index.ts';
import type { PolicyGraph } from '../../policies/index.ts';
import type { InterfaceElement } from '../../policies/compiled.ts';
import type { Snapshot } from '../../src/admission/index.ts';
import type { Intended } from '../../src/controller/ports.ts';
import { openExplain } from '../../src/inquiry/explain/explain.ts';
import type { Explanation, ExplainQuestion } from '../../src/inquiry/ports.ts';
import { Random } from '../workloads/random.ts';
import { referenceCloud } from '../workloads/reference-cloud.ts';
import type { Placement, ReferenceCloud } from '../workloads/reference-cloud.ts';
import type { Figure } from '../figure.ts';

/**
 * `explain` on the reference cloud: `node bench/micro/explain.ts [--scale 1] [--placement packed|spread] [--json]`. `first`: a host that was
 * not asked about before, whose flows are read a part at a time; `stall`: the longest time in it that nothing else could run. `again`: the same hosts once more. No switch
 * is asked for counters. Every answer must agree with the flows.
 */
type Result = Figure<'explain'>;

const questionsAsked = 100;
const tracesMade = 20_000;
const tunnelPort = 60_000;

async function run(scale: number, placement: Placement, report: (result: Result) => void): Promise<void> {
  const cloud = referenceCloud({ seed: 1, scale, placement });
  const graph = createGraph();
  graph.load(cloud.documents);
  const hosts = new Map<string, Intended>();
  const intendedOf = (host: string): Intended => {
    const known = hosts.get(host) ?? intend(graph, host);
    hosts.set(host, known);
    return known;
  };
  const explain = openExplain({
    snapshot: () => snapshotOf(cloud),
    history: { at: () => Promise.reject(new Error('no past here')), revisionAt: () => Promise.reject(new Error('no past here')) },
    read: {
      hostStatus: () => undefined,
      hosts: () => [],
      interfaceStatus: () => [],
      errorsOf: () => [],
    },
    intentions: { of: intendedOf },
    counters: undefined,
    guestMtu: () => 1450,
  });
  const questions = questionsOf(cloud, new Random(2));
  const sizes = [...graph.hosts()].map((host) => graph.elements(host).size);
  const name = `${placement}/${cloud.counts.vms}vms/${Math.max(...sizes)}elements-on-the-fullest-host`;
  const found = { first: [] as Timed[], again: [] as Timed[] };
  for (const question of questions) {
    hosts.clear();
    // Rendering is the controller's work, which is done when a question comes.
    for (const vm of [question.from, question.to]) intendedOf(cloud.documents.get('Vm', question.tenant, vm)?.document.spec.host ?? '');
    for (const metric of ['first', 'again'] as const) found[metric].push(await timed(() => explain.explain(question)));
  }
  for (const [metric, times] of Object.entries(found)) {
    report({ bench: 'explain', case: name, metric, unit: 'ms', ...distribution(times.map(({ elapsedMs }) => elapsedMs)) });
    report({ bench: 'explain', case: name, metric: `${metric}-stall`, unit: 'ms', ...distribution(times.map(({ stallMs }) => stallMs)) });
  }
  measureTrace(graph, name, report);
}

interface Timed {
  readonly elapsedMs: number;
  readonly stallMs: number;
}

async function timed(ask: () => Promise<Explanation>): Promise<Timed> {
  const watch = watchStalls();
  const started = performance.now();
  const answer = await ask();
  const elapsedMs = performance.now() - started;
  const stallMs = await watch();
  if (answer.blockers.some(({ code }) => code === 'inconsistent')) throw new Error(JSON.stringify(answer, undefined, 1));
  return { elapsedMs, stallMs };
}

/** The longest time between two turns of the event loop while something is under way. */
function watchStalls(): () => Promise<number> {
  let longest = 0;
  let last = performance.now();
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    const turn = (): void => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (isOver) resolve();
      else setImmediate(turn);
    };
    setImmediate(turn);
  });
  return async () => {
    isOver = true;
    await ended;
    return longest;
  };
}

function distribution(times: readonly number[]): Pick<Result, 'value' | 'p99' | 'n'> {
  const sorted = times.toSorted((a, b) => a - b);
  return { value: sorted[Math.floor(sorted.length / 2)] ?? 0, p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0, n: sorted.length };
}

/** One packet through the tables of the fullest host, after its index was made at once. */
function measureTrace(graph: PolicyGraph, name: string, report: (result: Result) => void): void {
  const fullest = [...graph.hosts()].toSorted((a, b) => graph.elements(b).size - graph.elements(a).size)[0] ?? '';
  const intended = intend(graph, fullest);
  const flows = [...intended.flowKeys()].flatMap((key) => intended.flow(key) ?? []);
  const built = performance.now();
  const index = new FlowIndex(flows);
  report({ bench: 'explain', case: name, metric: 'index-built', unit: 'ms', value: performance.now() - built, n: flows.length });
  const local = [...graph.elements(fullest).values()].filter((element) => element.kind === 'interface');
  for (const [port, element] of local.entries()) for (const flow of renderPort(element, port + 1)) index.put(flow);
  const packets = local.flatMap((from, port) => {
    const source = from.addresses[0];
    const near = local.find((other) => other !== from && other.domain === from.domain);
    const destination = near?.addresses.find(({ family }) => family === source?.family);
    if (!source || !destination) return [];
    const payload = { protocol: 'tcp', source: 40_000, destination: 443 } as const;
    return [packetOf({ inPort: port + 1, ethSrc: from.mac, ethDst: gatewayMac(from.vni), source, destination, ttl: 64, payload })];
  });
  const times: number[] = [];
  let steps = 0;
  for (let count = 0; count < tracesMade; count++) {
    const packet = packets[count % packets.length];
    if (!packet) continue;
    const started = performance.now();
    steps += trace(index, packet, { tunnelPort, track: () => ({ state: trackingStates.new }) }).steps.length;
    times.push(performance.now() - started);
  }
  if (steps < 8 * tracesMade) throw new Error('the packets were not traced');
  report({ bench: 'explain', case: name, metric: 'trace', unit: 'ms', ...distribution(times) });
}

/** Between VMs of one tenant. */
function questionsOf({ documents }: ReferenceCloud, random: Random): readonly ExplainQuestion[] {
  const byTenant = new Map<string, string[]>();
  for (const { document } of documents.list('Vm')) {
    const tenant = document.metadata.tenant ?? '';
    const names = byTenant.get(tenant);
    if (names) names.push(document.metadata.name);
    else byTenant.set(tenant, [document.metadata.name]);
  }
  const tenants = [...byTenant].filter(([, names]) => names.length > 1);
  return Array.from({ length: questionsAsked }, () => {
    const [tenant, names = []] = random.pick(tenants) ?? [];
    const [from = '', to = ''] = random.shuffle(names);
    const port = random.pick([22, 80, 443, 5432]);
    return { tenant, from, to, protocol: 'tcp', port, sees: undefined, at: undefined };
  });
}

function intend(graph: PolicyGraph, host: string): Intended {
  const flows = new Map<string, Flow>();
  const owners = new Map<string, string>();
  const interfaces = new Map<string, InterfaceElement>();
  const own = (owner: string, made: readonly Flow[]): void => {
    for (const flow of made) {
      flows.set(flowKey(flow), flow);
      owners.set(flowKey(flow), owner);
    }
  };
  own(baseOwner, renderBase());
  own(tunnelPortOwner, renderTunnelPort(tunnelPort));
  for (const [key, element] of graph.elements(host)) {
    own(key, renderElement(key, element));
    if (element.kind === 'interface') interfaces.set(element.portId, element);
  }
  return {
    version: 1,
    flowCount: flows.size,
    flowKeys: () => flows.keys(),
    flow: (key) => flows.get(key),
    ownerOf: (key) => owners.get(key),
    interfaceOf: (portId) => interfaces.get(portId),
    ofportOf: () => undefined,
    tunnelOfport: tunnelPort,
    waitingReason: '',
  };
}

function snapshotOf({ documents }: ReferenceCloud): Snapshot {
  const revision = 1;
  return {
    revision,
    get: (kind, tenant, name) => {
      const found = documents.get(kind, tenant, name);
      return found && { ...found, revision };
    },
    *list(kind, tenant) {
      for (const { document } of documents.list(kind, tenant)) yield { document, revision };
    },
    tenantNumbers: (tenant) => documents.tenantNumbers(tenant),
    routerNumbers: (tenant, name) => documents.routerNumbers(tenant, name),
    policyNumbers: (tenant, name) => documents.policyNumbers(tenant, name),
    vmNumbers: (tenant, name) => documents.vmNumbers(tenant, name),
  };
}

const { values } = parseArgs({
  options: { scale: { type: 'string', default: '1' }, placement: { type: 'string' }, json: { type: 'boolean', default: false } },
});
for (const placement of ['packed', 'spread'] as const) {
  if (values.placement !== undefined && values.placement !== placement) continue;
  await run(Number(values.scale), placement, (result) =>
    process.stdout.write(
      values.json
        ? `${JSON.stringify(result)}\n`
        : `${result.case} ${result.metric}: ${result.value.toFixed(3)} ${result.unit}${result.p99 === undefined ? '' : `, p99 ${result.p99.toFixed(3)}`}\n`,
    ),
  );
}
