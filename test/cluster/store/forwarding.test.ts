import { expect, it, onTestFinished, vi } from 'vitest';
import type { RaftNode } from '../../../cluster/node/node.ts';
import { Forwarding } from '../../../cluster/store/forwarding.ts';
import type { Proposer } from '../../../cluster/store/proposer.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { Watermark } from '../../../src/base/watermark.ts';

it('what a leader leaves without an answer is brought to the next one as soon as there is one, under the same id', async () => {
  const asked: { readonly to: string; readonly requestId: string }[] = [];
  const node = { leader: 'a' };
  const forwarding = new Forwarding({
    id: 'c',
    clock: systemClock,
    node: node as unknown as RaftNode,
    proposer: { isOpen: false } as unknown as Proposer,
    request: (to, request) => {
      asked.push({ to, requestId: (request as { readonly requestId: string }).requestId });
      return to === 'a' ? new Promise(() => undefined) : Promise.resolve({ committed: true, revision: 7 });
    },
    applied: new Watermark('revision', 7),
  });
  const outcome = forwarding.transact({ compares: [], operations: [] }, 0);
  forwarding.led('a');
  expect(asked).toHaveLength(1);
  node.leader = 'b';
  forwarding.led('b');
  expect(await outcome).toEqual({ committed: true, revision: 7 });
  expect(asked.map(({ to }) => to)).toEqual(['a', 'b']);
  expect(new Set(asked.map(({ requestId }) => requestId)).size).toBe(1);
});

it('a write whose revision does not come to this member any more is answered in the end, as unknown', async () => {
  let nowMs = 0;
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const forwarding = new Forwarding({
    id: 'c',
    clock: { nowMs: () => nowMs, wallMs: () => nowMs },
    node: { leader: 'a' } as unknown as RaftNode,
    proposer: { isOpen: false } as unknown as Proposer,
    request: () => Promise.resolve({ committed: true, revision: 8 }),
    applied: new Watermark('revision', 7),
  });
  const outcome = forwarding.transact({ compares: [], operations: [] }, 0).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1);
  nowMs = 60_000;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await outcome).toMatchObject({ code: 'unknown-outcome' });
});
