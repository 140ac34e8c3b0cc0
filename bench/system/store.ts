import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEtcd, startWeir, type Subject } from './store/processes.ts';

/**
 * The store beside etcd on the same disk in the same run: durable puts of 256 bytes, by a client that is a process of its own and speaks over one socket to the leader,
 * one after the other and 64 at once, on one member and on three. The two take turns; `ratio` above 1: better than etcd.
 */
interface Case {
  readonly name: string;
  readonly clients: number;
  readonly count: number;
}

const cases: readonly Case[] = [
  { name: 'sequential', clients: 1, count: 2_000 },
  { name: '64 clients', clients: 64, count: 40_000 },
];
const rounds = 3;

interface Best {
  rate: number;
  p50: number;
  p99: number;
}

/** Of several rounds, the best of each figure: the rest is the machine's other work. */
async function measure(subject: Subject, { clients, count }: Case, best: Best): Promise<void> {
  const { rate, p50, p99 } = await subject.load(clients, count);
  best.rate = Math.max(best.rate, rate);
  best.p50 = Math.min(best.p50, p50);
  best.p99 = Math.min(best.p99, p99);
}

const directory = await mkdtemp(join(tmpdir(), 'weir-bench-store-'));
try {
  for (const members of [1, 3]) {
    const weir = await startWeir(join(directory, `weir-${members}`), members);
    const etcd = await startEtcd(join(directory, `etcd-${members}`), members);
    for (const each of cases) {
      const ours: Best = { rate: 0, p50: Number.POSITIVE_INFINITY, p99: Number.POSITIVE_INFINITY };
      const theirs: Best = { ...ours };
      for (let round = 0; round < rounds; round++) {
        await measure(weir, each, ours);
        await measure(etcd, each, theirs);
      }
      const name = `put 256 B, ${members === 1 ? 'one member' : `${members} members`}, ${each.name}`;
      const n = each.count;
      const figures = [
        { case: name, metric: 'rate', unit: '1/s', value: ours.rate, n, ratio: ours.rate / theirs.rate },
        { case: name, metric: 'latency', unit: 'ms', value: ours.p50, p99: ours.p99, n, ratio: theirs.p50 / ours.p50 },
        { case: `${name}, etcd`, metric: 'rate', unit: '1/s', value: theirs.rate, n },
        { case: `${name}, etcd`, metric: 'latency', unit: 'ms', value: theirs.p50, p99: theirs.p99, n },
      ];
      for (const figure of figures) process.stdout.write(`${JSON.stringify({ bench: 'store', ...figure })}\n`);
    }
    await weir.close();
    await etcd.close();
  }
} finally {
  await rm(directory, { recursive: true });
}
