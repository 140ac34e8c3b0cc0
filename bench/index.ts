import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Figure } from './figure.ts';

/**
 * `weir bench NAME`: each benchmark is a process of its own, so that none warms up or weighs on another. It prints one JSON object a line:
 * `{ bench, case, metric, unit, value, p99?, n, ratio? }`; a ratio above 1 means better than the peer or limit of the same run.
 */
interface Bench {
  readonly about: string;
  readonly file: string;
  readonly nodeOptions?: readonly string[];
}

export interface BenchOptions {
  readonly json: boolean;
  /** Of `failover`. */
  readonly kills: number | undefined;
}

/** As `bin/weir` runs the controller. */
const asServed = ['--max-semi-space-size=8'];

const benches = {
  codec: { about: 'OpenFlow messages encoded and decoded', file: 'micro/openflow.ts' },
  decide: {
    about: 'the compiled classifier, beside a linear scan, and decide over HTTP',
    file: 'micro/decide.ts',
    nodeOptions: ['--expose-gc'],
  },
  policies: { about: 'the reference cloud compiled, and changed', file: 'micro/policies.ts', nodeOptions: ['--expose-gc'] },
  conflicts: { about: 'conflicts and shadowed rules, from nothing and after a change', file: 'micro/conflicts.ts', nodeOptions: asServed },
  explain: { about: 'why a packet passes, asked of the reference cloud', file: 'micro/explain.ts' },
  plan: { about: 'what a change would change, asked of the reference cloud', file: 'micro/plan.ts', nodeOptions: asServed },
  intents: { about: 'sentences read, resolved and compiled on the reference cloud; conflicts among them', file: 'micro/intents.ts' },
  store: { about: 'durable writes over sockets, on one member and on three, beside etcd', file: 'system/store.ts' },
  consensus: { about: 'how late the thread of the consensus is while everything is compiled', file: 'system/consensus.ts' },
  attach: { about: 'from a request to flows committed on the full cloud, and how many of them a second', file: 'system/attach.ts' },
  'store-inside': { about: 'durable writes inside the process, beside write and fdatasync', file: 'micro/store.ts' },
  failover: { about: 'the leader of three controllers killed, with switches, guests and traffic', file: 'system/failover.ts' },
  rules: {
    about: 'compiled policy into a real ovs-vswitchd, beside a replay of the same bytes',
    file: 'system/rules.ts',
    nodeOptions: asServed,
  },
} as const satisfies Record<string, Bench>;

export type BenchName = keyof typeof benches;

export const benchNames = Object.keys(benches) as readonly BenchName[];

/** Runs one benchmark after the other and prints its figures as they come. @returns whether all of them ended well */
export async function runBenches(
  names: readonly BenchName[],
  { json, kills }: BenchOptions,
  print: (line: string) => void,
): Promise<boolean> {
  let succeeded = true;
  for (const name of names) {
    const { about, file, nodeOptions = [] }: Bench = benches[name];
    if (!json) print(`${name}: ${about}`);
    const options = name === 'failover' && kills !== undefined ? ['--kills', String(kills)] : [];
    const args = [...nodeOptions, `${import.meta.dirname}/${file}`, '--json', ...options];
    succeeded = (await runBench(args, (line) => print(json ? line : row(line)))) && succeeded;
  }
  return succeeded;
}

function runBench(args: readonly string[], onLine: (line: string) => void): Promise<boolean> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', onLine);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code === 0));
  });
}

function row(line: string): string {
  const { case: what, metric, unit, value, p99, n, ratio } = JSON.parse(line) as Figure;
  const tail = [p99 === undefined ? '' : `p99 ${p99}`, `n ${n}`, ratio === undefined ? '' : `ratio ${ratio}`]
    .filter((part) => part !== '')
    .join(', ');
  return `  ${what.padEnd(44)} ${metric.padEnd(34)} ${String(value).padStart(12)} ${unit.padEnd(10)} ${tail}`;
}
