import { describe, expect, test } from 'vitest';
import type { Reconciler, Step } from '../../../flows/reconcile/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { tables } from '../../../flows/pipeline/index.ts';
import { attached, drain } from './attached.ts';

/** How packets of a tenant are judged may only change as a whole. */

const [old, young] = [7, 2 ** 28 + 7];

const admitting = (zone: number, view: number): Flow => ({
  tableId: tables.local.id,
  priority: 10,
  cookie: 1n,
  match: [{ field: 'reg2', value: zone }],
  instructions: [{ kind: 'apply_actions', actions: [{ kind: 'set_field', field: 'reg1', value: view }] }],
});
const judging = (number: number, view: number, tableId: number = tables.egressTenant.id): Flow => ({
  tableId,
  priority: number + 1,
  cookie: 1n,
  match: [{ field: 'reg1', value: view }],
  instructions: [],
});
const many = (count: number, view: number, first = 0): readonly Flow[] =>
  Array.from({ length: count }, (_, index) => judging(first + index, view));

/** The switch has what is wanted. */
const installed = (...flows: readonly Flow[]): Reconciler => attached(flows, flows);

const told = (steps: readonly Step[]): readonly string[] =>
  steps.map(({ edits }) => {
    const count = (command: string): number => edits.filter((edit) => edit.command === command).length;
    return `${count('add')} put, ${count('delete')} deleted`;
  });

describe('a policy of more than a batch', () => {
  test('is exchanged at once under packets that it judges', () => {
    const before = many(25, old);
    const reconciler = installed(admitting(1, old), ...before);
    reconciler.setDesired({ put: many(30, old, 100), remove: before }, 2);
    expect(told(drain(reconciler, 0))).toEqual(['30 put, 25 deleted']);
  });

  test('goes in batches when no packet is judged by it', () => {
    const before = many(25, young);
    const reconciler = installed(admitting(1, old), ...before);
    reconciler.setDesired({ put: many(30, young, 100), remove: before }, 2);
    expect(told(drain(reconciler, 0))).toEqual([
      '10 put, 0 deleted',
      '10 put, 0 deleted',
      '10 put, 0 deleted',
      '0 put, 10 deleted',
      '0 put, 10 deleted',
      '0 put, 5 deleted',
    ]);
  });

  test('of one tenant does not wait for that of another, and neither is torn', () => {
    const reconciler = installed(admitting(1, 7), admitting(2, 8), admitting(3, 9));
    reconciler.setDesired({ put: [...many(6, 7), ...many(4, 8), ...many(9, 9)] }, 2);
    expect(told(drain(reconciler, 0))).toEqual(['10 put, 0 deleted', '9 put, 0 deleted']);
  });

  test('who the addresses are goes with it, but in batches while no policy changes', () => {
    const identities = Array.from({ length: 25 }, (_, index) => judging(index, old, tables.identity.id));
    const reconciler = installed(admitting(1, old));
    reconciler.setDesired({ put: identities }, 2);
    expect(told(drain(reconciler, 0))).toEqual(['10 put, 0 deleted', '10 put, 0 deleted', '5 put, 0 deleted']);
    reconciler.setDesired({ put: many(1, old), remove: identities }, 3);
    expect(told(drain(reconciler, 0))).toEqual(['1 put, 25 deleted']);
  });

  test('that comes bit by bit stands only when all of it has come', () => {
    const source = [...many(100, old)];
    const reconciler = installed(admitting(1, old));
    const next = { next: () => source.shift(), left: 100 };
    Object.defineProperty(next, 'left', { get: () => source.length });
    reconciler.setDesired({ put: next }, 2);
    expect(told(drain(reconciler, 0))).toEqual(['100 put, 0 deleted']);
  });

  test('is not mixed with what is wanted since', () => {
    const reconciler = installed(admitting(1, old));
    const free = Array.from({ length: 15 }, (_, index): Flow => ({ ...judging(index, young), tableId: tables.forward.id, match: [] }));
    reconciler.setDesired({ put: [...free, ...many(20, old)] }, 2);
    const first = reconciler.next(0);
    expect(first?.edits).toHaveLength(10);
    const second = { put: many(5, old, 50), remove: many(20, old) };
    reconciler.setDesired(second, 3);
    if (first) reconciler.committed(first, 0);
    const steps = drain(reconciler, 0);
    const policy = steps.filter(({ edits }) => edits.some((edit) => edit.kind === 'flow' && edit.value.tableId === tables.egressTenant.id));
    expect(policy).toHaveLength(1);
    expect(policy[0]?.edits.filter((edit) => edit.kind === 'flow' && edit.value.tableId === tables.egressTenant.id)).toHaveLength(5);
  });
});

describe('when interfaces turn to another view', () => {
  const turn = (reconciler: Reconciler, before: readonly Flow[], after: readonly Flow[]): void =>
    reconciler.setDesired({ put: [admitting(1, young), admitting(2, young), ...after], remove: before }, 2);

  test('what judges there comes before, and what judged in the old one stays until no packet can need it', () => {
    const before = many(25, old);
    const reconciler = installed(admitting(1, old), admitting(2, old), ...before);
    turn(reconciler, before, many(20, young));
    expect(told(drain(reconciler, 1_000))).toEqual(['10 put, 0 deleted', '10 put, 0 deleted', '2 put, 0 deleted']);
    expect(reconciler.realized).toBe(1);
    expect(drain(reconciler, 1_900)).toEqual([]);
    expect(told(drain(reconciler, 2_200))).toEqual(['0 put, 10 deleted', '0 put, 10 deleted', '0 put, 5 deleted']);
    expect(reconciler.realized).toBe(2);
  });

  test('the same when all of it is one bundle', () => {
    const before = many(3, old);
    const reconciler = installed(admitting(1, old), admitting(2, old), ...before);
    turn(reconciler, before, many(3, young));
    expect(told(drain(reconciler, 0))).toEqual(['5 put, 0 deleted']);
    expect(told(drain(reconciler, 1_000))).toEqual(['0 put, 3 deleted']);
  });

  test('while the turn is under way nothing is taken away', () => {
    const before = many(3, old);
    const reconciler = installed(admitting(1, old), admitting(2, old), ...before);
    turn(reconciler, before, many(3, young));
    const step = reconciler.next(0);
    expect(reconciler.next(3_000)).toBeUndefined();
    if (step) reconciler.committed(step, 4_000);
    expect(reconciler.next(4_900)).toBeUndefined();
    expect(told(drain(reconciler, 5_200))).toEqual(['0 put, 3 deleted']);
  });

  test('an interface that goes keeps nothing back', () => {
    const before = many(3, old);
    const gone = admitting(1, old);
    const reconciler = installed(gone, ...before);
    reconciler.setDesired({ remove: [gone, ...before] }, 2);
    expect(told(drain(reconciler, 0))).toEqual(['0 put, 4 deleted']);
  });
});
