import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openAdmission } from '../../../src/admission/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { Gate } from '../../support/gate.ts';
import { freePorts } from '../../support/ports.ts';
import { withDirectory } from '../store/directory.ts';
import { eventually, RunningMembers } from './running.ts';

it('a member that was cut off until the log was gone is sent the state, and serves it without a new start', async () => {
  await withDirectory(async (directory) => {
    const members = new RunningMembers(directory);
    const gates: Gate[] = [];
    const admissions: Awaited<ReturnType<typeof openAdmission>>[] = [];
    try {
      await members.reserve('a', 'b', 'c');
      const [hidden = 0] = await freePorts(1);
      const origin = members.founders('a', 'b', 'c');
      const gate = await Gate.open(members.port('c'), hidden);
      gates.push(gate);
      const store = { retentionMs: 50, compactionIntervalMs: 20 };
      for (const id of ['a', 'b']) await members.start(id, { origin, store });
      const c = await members.start('c', { origin, store, port: hidden });
      await Promise.all(['a', 'b', 'c'].map((id) => members.get(id).ready()));
      const a = members.get('a');
      if (a.store.cluster.leader === 'c') await a.members.transfer('a');
      const ports = { clock: systemClock, random: systemRandom };
      const atA = await openAdmission({ store: a.store, ...ports });
      const ended: string[] = [];
      const atC = await openAdmission({ store: c.store, ...ports, onEnd: ({ code }) => ended.push(code) });
      admissions.push(atA, atC);
      const known = new Set<string>();
      atC.onCommitted(({ documents }) => {
        for (const { id, after } of documents)
          if (after === undefined) known.delete(id.name);
          else known.add(id.name);
      });
      const put = (at: typeof atA, name: string) =>
        at.submit({
          writes: [
            { verb: 'put', kind: 'Tenant', tenant: undefined, name, raw: { metadata: { labels: { padding: 'x'.repeat(60) } }, spec: {} } },
          ],
        });
      await put(atA, 'before');
      await eventually(() => known.has('before'));

      gate.shut();
      const segments = (id: string): string[] => readdirSync(join(members.directory(id), 'log'));
      const old = new Set([...segments('a'), ...segments('b')]);
      const watched: string[] = [];
      c.store.watch(
        c.store.revision,
        () => undefined,
        ({ code }) => watched.push(code),
      );
      for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 25 }, (_, at) => put(atA, `t${round * 25 + at}`)));
      await atA.submit({ writes: [{ verb: 'delete', kind: 'Tenant', tenant: undefined, name: 'before' }] });
      expect(c.store.revision).toBeLessThan(a.store.revision);
      await eventually(() => ![...segments('a'), ...segments('b')].some((name) => old.has(name)));
      gate.reopen();

      await eventually(() => atC.snapshot().revision >= atA.snapshot().revision);
      const names = (at: typeof atA): string[] =>
        [...at.snapshot().list('Tenant')].map(({ document }) => document.metadata.name).toSorted();
      expect(names(atC)).toEqual(names(atA));
      expect([...known].toSorted()).toEqual(names(atA));
      expect(names(atC)).not.toContain('before');
      await put(atC, 'after');
      await eventually(() => names(atA).includes('after'));
      expect(ended).toEqual([]);
      // It was a state that it was sent, not what it had missed.
      expect(watched).toEqual(['compacted']);
    } finally {
      for (const admission of admissions) admission.close();
      await members.close();
      for (const gate of gates) await gate.close();
    }
  });
});
