import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { Classifier, question, Resolver } from '../../../policies/classifier/index.ts';
import type { Rule } from '../../../policies/model/kinds.ts';
import { nic, SmallCloud } from '../small-cloud.ts';

/** Each update turns both directions at once, and gives rules and memory to everything else: a reader never sees one turned and the other not. */
test('a reader on another thread sees all of an update or nothing, also while the memory grows', async () => {
  const cloud = new SmallCloud()
    .tenant('acme')
    .network('acme', 'a', 1000, '10.0.0.0/24', '10.0.0.1')
    .vm('acme', 'one', undefined, {}, nic('a', '10.0.0.10'))
    .vm('acme', 'two', undefined, {}, nic('a', '10.0.0.11'));
  const { documents } = cloud;
  const turn = (step: number): void => {
    const action = step % 2 === 0 ? 'allow' : 'deny';
    const cidr = (index: number): string => `10.${step % 50}.${index}.0/24`;
    const filler = Array.from({ length: step % 40 }, (_, index): Rule => ({
      action: 'reject',
      peers: [{ kind: 'cidr', cidr: cidr(index + 1), except: [] }],
      log: false,
    }));
    const rules: readonly Rule[] = [...filler, { action, log: false }];
    documents.put({
      kind: 'Policy',
      metadata: { name: 'turning', tenant: 'acme', labels: {}, uid: 'p', createdAt: '2026-01-01T00:00:00Z' },
      spec: { tier: 'tenant', order: step % 7, ingress: rules, egress: rules },
    });
  };
  turn(0);
  const classifier = new Classifier(documents, 0, { bytesFirst: 1024, bytesMax: 2 ** 26 }, 1);
  const asked = new Int32Array(question.size);
  new Resolver(classifier.interfaces).resolve('acme', { from: 'one', to: 'two', protocol: 'tcp', port: 80 }, asked, 0);
  const stop = new Int32Array(new SharedArrayBuffer(8));
  const workerData = { classifier: classifier.memory, asked, stop };
  const worker = new Worker(new URL('reading-thread.ts', import.meta.url), { workerData });
  await once(worker, 'message');
  // However seldom the reader gets a turn, it sees some of the updates as they come.
  for (let step = 1; step <= 3000 || Atomics.load(stop, 1) <= 5; step++) {
    turn(step);
    classifier.update({ documents: [{ id: { kind: 'Policy', tenant: 'acme', name: 'turning' } }] }, documents, step);
    let steps = step % 17;
    if (step % 3 > 0) classifier.work(() => step % 3 === 2 && --steps < 0);
    await setImmediate();
  }
  const told = once(worker, 'message');
  Atomics.store(stop, 0, 1);
  const [seen] = (await told) as [{ decisions: number; torn: number; backwards: number }];
  await worker.terminate();
  expect(seen).toMatchObject({ torn: 0, backwards: 0 });
});
