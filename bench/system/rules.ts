import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { listenOpenFlow, Reconciler, sessionLimits } from '../../flows/index.ts';
import type { OpenFlowListener, SwitchConnection } from '../../flows/index.ts';
import type { Flow } from '../../flows/model/index.ts';
import { RealSwitch, bridge } from '../../test/integration/session-switch.ts';
import { oneHost } from '../workloads/one-host.ts';
import { HostFlows } from '../../src/controller/desired.ts';
import type { Element } from '../../policies/compiled.ts';
import { systemClock } from '../../src/base/clock.ts';
import { cut, Replay } from './replay.ts';
import type { Recording } from './replay.ts';
import type { Figure } from '../figure.ts';

/**
 * Rules into a real ovs-vswitchd: from the compiled elements of one host, rendered, to all flows committed, beside a replay of the very same bytes,
 * and the worst ping meanwhile. `node bench/system/rules.ts [--flows 10000,100000] [--repeat 3]` prints one object a line;
 * `ratio` above 1 means faster than the replay, and for pings better than 15 ms.
 */
export type RulesFigure = Figure<'rules'>;

const run = promisify(execFile);
const stallGoalMs = 15;
const settleMs = 500;

interface Owned {
  readonly listener: OpenFlowListener;
  readonly connection: SwitchConnection;
  readonly reconciler: Reconciler;
  readonly flows: HostFlows;
  realized(revision: number): Promise<void>;
}

/** A session that owns the switch and has listed its empty content. What it sends goes to `sent`, too. */
async function own(target: RealSwitch, first: readonly Flow[], sent?: Uint8Array[]): Promise<Owned> {
  const reconciler = new Reconciler(sessionLimits.batchFlows);
  const flows = new HostFlows(systemClock);
  const waiting = new Map<number, () => void>();
  const onProgress = (): void => {
    flows.rest();
    for (const [revision, resolve] of waiting) if ((reconciler.realized ?? -1) >= revision) resolve();
  };
  const realized = (revision: number): Promise<void> => new Promise((resolve) => waiting.set(revision, resolve));
  reconciler.setDesired({ put: first }, 1);
  const ready = realized(1);
  let listener: OpenFlowListener | undefined;
  const connection = await new Promise<SwitchConnection>((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(reason));
    const onRefused = (refused: readonly { readonly error: string }[]): void => fail(refused[0]?.error ?? 'refused');
    const handlers = {
      onConnection: (joined: SwitchConnection): void => {
        joined.own(reconciler, 1, { onProgress, onRefused, onClosed: fail });
        resolve(joined);
      },
      onEnd: (): void => undefined,
    };
    const recording = sent && { onSent: (bytes: Uint8Array) => sent.push(bytes.slice()) };
    void listenOpenFlow({ host: target.host, port: 0, ...recording }, handlers).then((opened) => {
      listener = opened;
      return target.connectTo(opened.port);
    });
  });
  await ready;
  if (!listener) throw new Error('a connection without a listener');
  return { listener, connection, reconciler, flows, realized };
}

async function installed(target: RealSwitch): Promise<number> {
  const text = await target.ofctl('OpenFlow15', 'dump-aggregate', bridge);
  return Number(/flow_count=(\d+)/.exec(text)?.[1]);
}

/** Installs what the elements ask for on a fresh switch. @returns milliseconds from the elements to the last commit */
async function install(elements: readonly Element[], sent?: Uint8Array[]): Promise<{ readonly ms: number; readonly count: number }> {
  const target = await RealSwitch.start('OpenFlow15');
  try {
    const owned = await own(target, [], sent);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const done = owned.realized(2);
    const startMs = performance.now();
    const { desired } = owned.flows.apply({ host: 'here', put: elements, removed: [] });
    owned.reconciler.setDesired(desired, 2);
    owned.connection.kick();
    await done;
    const ms = performance.now() - startMs;
    const count = await installed(target);
    if (count !== owned.reconciler.flows.desired.size)
      throw new Error(`${count} of ${owned.reconciler.flows.desired.size} flows are on the switch`);
    await owned.listener.close();
    return { ms, count };
  } finally {
    await target.stop();
  }
}

async function replay(recording: Recording, flowCount: number): Promise<number> {
  const target = await RealSwitch.start('OpenFlow15');
  const player = new Replay(recording, sessionLimits.windowSteps);
  try {
    const port = await player.listen(target.host);
    const played = player.run(settleMs);
    await target.connectTo(port);
    const ms = await played;
    const count = await installed(target);
    if (count !== flowCount) throw new Error(`${count} of ${flowCount} replayed flows are on the switch`);
    return ms;
  } finally {
    player.close();
    await target.stop();
  }
}

interface Guests {
  /** Round trips in milliseconds of pings every 10 ms, until `stop`. */
  ping(): { stop(): Promise<readonly number[]> };
  remove(): Promise<void>;
}

async function guests(target: RealSwitch): Promise<Guests> {
  const names = ['a', 'b'].map((letter) => `${target.namespace}${letter}`);
  for (const [index, name] of names.entries()) {
    const port = `${name}p`.slice(-15);
    await run('ip', ['netns', 'add', name]);
    await run('ip', ['link', 'add', port, 'netns', target.namespace, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
    await run('ip', ['-n', target.namespace, 'link', 'set', port, 'up']);
    await run('ip', ['-n', name, 'addr', 'add', `10.9.0.${index + 1}/24`, 'dev', 'eth0']);
    await run('ip', ['-n', name, 'link', 'set', 'eth0', 'up']);
    await run('ip', ['netns', 'exec', name, 'ethtool', '-K', 'eth0', 'tx', 'off']);
    await target.vsctl('add-port', bridge, port);
  }
  const ping = (): { stop(): Promise<readonly number[]> } => {
    const child = spawn('ip', ['netns', 'exec', names[0] ?? '', 'ping', '-i', '0.01', '10.9.0.2'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return {
      stop: () =>
        new Promise((resolve) => {
          child.once('close', () => resolve([...text.matchAll(/time=([\d.]+) ms/g)].map((found) => Number(found[1]))));
          child.kill('SIGINT');
        }),
    };
  };
  const remove = async (): Promise<void> => {
    for (const name of names) await run('ip', ['netns', 'del', name]);
  };
  return { ping, remove };
}

const normal: Flow = {
  tableId: 0,
  priority: 1,
  cookie: 1n,
  match: [],
  instructions: [{ kind: 'apply_actions', actions: [{ kind: 'output', port: 0xfffffffa }] }],
};

/** @returns the worst ping in milliseconds, idle and while the flows go in */
async function stall(elements: readonly Element[]): Promise<{ readonly idle: number; readonly busy: number }> {
  const target = await RealSwitch.start('OpenFlow15');
  let made: Guests | undefined;
  try {
    made = await guests(target);
    const owned = await own(target, [normal]);
    await new Promise((resolve) => setTimeout(resolve, settleMs * 2));
    const idle = made.ping();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const before = await idle.stop();
    const busy = made.ping();
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const done = owned.realized(2);
    owned.reconciler.setDesired(owned.flows.apply({ host: 'here', put: elements, removed: [] }).desired, 2);
    owned.connection.kick();
    await done;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const during = await busy.stop();
    await owned.listener.close();
    if (before.length < 100 || during.length < 30) throw new Error('the guests do not reach each other');
    return { idle: Math.max(...before.slice(5)), busy: Math.max(...during.slice(5)) };
  } finally {
    await made?.remove();
    await target.stop();
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** One size: session and replay in turn, medians of each. */
export async function* rates(count: number, repeat: number): AsyncGenerator<RulesFigure> {
  const elements = oneHost(count);
  const ours: number[] = [];
  const replayed: number[] = [];
  // The first turn is recorded and not counted: a controller that has run for a while has its code compiled.
  const sent: Uint8Array[] = [];
  await install(elements, sent);
  const recording = cut(sent);
  for (let turn = 0; turn < repeat; turn++) {
    const { ms, count: made } = await install(elements);
    ours.push((made * 1_000) / ms);
    replayed.push((made * 1_000) / (await replay(recording, made)));
  }
  const name = `${count} flows`;
  yield { bench: 'rules', case: name, metric: 'replay', unit: 'flows/s', value: Math.round(median(replayed)), n: repeat };
  const value = median(ours);
  yield {
    bench: 'rules',
    case: name,
    metric: 'installed',
    unit: 'flows/s',
    value: Math.round(value),
    n: repeat,
    ratio: Number((value / median(replayed)).toFixed(3)),
  };
}

export async function* benchRules(counts: readonly number[], repeat: number): AsyncGenerator<RulesFigure> {
  for (const count of counts) yield* rates(count, repeat);
  const count = Math.max(...counts);
  const elements = oneHost(count);
  const stalls = [];
  for (let turn = 0; turn < repeat; turn++) stalls.push(await stall(elements));
  const busy = median(stalls.map((one) => one.busy));
  const name = `10 ms ping, ${count} flows`;
  yield { bench: 'rules', case: name, metric: 'worst, idle', unit: 'ms', value: median(stalls.map((one) => one.idle)), n: repeat };
  yield {
    bench: 'rules',
    case: name,
    metric: 'worst, meanwhile',
    unit: 'ms',
    value: busy,
    n: repeat,
    ratio: Number((stallGoalMs / busy).toFixed(3)),
  };
}

if (import.meta.main) {
  const option = (name: string, preset: string): string => {
    const at = process.argv.indexOf(name);
    return at < 0 ? preset : (process.argv[at + 1] ?? preset);
  };
  const counts = option('--flows', '10000,100000').split(',').map(Number);
  for await (const figure of benchRules(counts, Number(option('--repeat', '3')))) process.stdout.write(`${JSON.stringify(figure)}\n`);
}
