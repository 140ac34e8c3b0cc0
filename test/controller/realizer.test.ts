import { expect, test } from 'vitest';
import { Realization } from '../../src/controller/realization.ts';
import { Realizer } from '../../src/controller/realizer.ts';

test('what is waited for first takes of the time for what is waited for next', async () => {
  let nowMs = 0;
  const waits: { readonly delayMs: number; readonly expire: () => void }[] = [];
  const realization = new Realization((delayMs, expire) => {
    waits.push({ delayMs, expire });
    return () => undefined;
  });
  const status = { effectOf: () => ({ errors: [], interfaces: [], host: undefined }) };
  const nothing = { get: () => undefined };
  const realizer = new Realizer({ hosts: new Map() }, realization, status, () => nothing, { nowMs: () => nowMs, wallMs: () => 0 });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  const change = { tenant: 't', vm: 'v', revision: 3, awaited: 3, until: 'active', timeoutMs: 1_000 } as const;
  const followed = realizer.follow(change);
  nowMs += 400;
  realization.owe('a', 3, 1);
  realization.compiled(3);
  await turn();
  nowMs += 500;
  realization.realized('a', 1);
  await turn();
  expect(waits.map(({ delayMs }) => delayMs)).toEqual([1_000, 600, 100]);
  waits.at(-1)?.expire();
  expect(await followed).toMatchObject({ realization: { realized: true }, isActive: false });

  const late = realizer.follow({ ...change, revision: 4, awaited: 4 });
  nowMs += 2_000;
  waits.at(-1)?.expire();
  await turn();
  expect(waits.at(-1)?.delayMs).toBe(0);
  waits.at(-1)?.expire();
  expect((await late).realization.realized).toBe(false);
});
