import { expect, test } from 'vitest';
import type { Step } from '../../../flows/reconcile/index.ts';
import { flowKey } from '../../../flows/model/index.ts';
import type { Flow, Meter } from '../../../flows/model/index.ts';
import { pipelineVersion, tableAt } from '../../../flows/pipeline/index.ts';
import { attached, drain } from './attached.ts';

/** A switch goes over from one version of the pipeline to another without a moment in which packets meet half of either. */

const another = pipelineVersion + 1;

const entering = (port: number, version = pipelineVersion): Flow => ({
  tableId: 0,
  priority: 10,
  cookie: 1n,
  match: [{ field: 'in_port', value: port }],
  instructions: [{ kind: 'goto_table', tableId: tableAt(1, version) }],
});
const behind = (number: number, place: number, version = pipelineVersion): Flow => ({
  tableId: tableAt(place, version),
  priority: 10,
  cookie: 1n,
  match: [{ field: 'reg0', value: number }],
  instructions: [],
});
const many = (count: number, version = pipelineVersion): readonly Flow[] =>
  Array.from({ length: count }, (_, index) => behind(index, 2 + (index % 3), version));
const meter = (meterId: number): Meter => ({
  meterId,
  unit: 'kbps',
  burst: false,
  stats: false,
  bands: [{ kind: 'drop', rate: 100, burst: 0 }],
});

/** Edits of the entry, and of the tables behind it, of each step. */
const told = (steps: readonly Step[]): readonly string[] =>
  steps.map(({ edits }) => {
    const count = (command: string, isEntry: boolean): number =>
      edits.filter((edit) => edit.command === command && edit.kind === 'flow' && (edit.value.tableId === 0) === isEntry).length;
    const meters = edits.filter(({ kind }) => kind === 'meter').length;
    if (meters > 0) return `${meters} meters`;
    const entry = `${count('add', true)} put, ${count('delete', true)} deleted`;
    return `entry ${entry}; behind ${count('add', false)} put, ${count('delete', false)} deleted`;
  });

test('all of it is built first, then the entry changes at once, then the other version rests, and goes', () => {
  const ports = Array.from({ length: 12 }, (_, port) => port);
  const wanted = [...ports.slice(1).map((port) => entering(port)), ...many(15)];
  const installed = [...ports.slice(0, -1).map((port) => entering(port, another)), ...many(14, another)];
  const reconciler = attached(wanted, installed);
  expect(told(drain(reconciler, 0))).toEqual([
    'entry 0 put, 0 deleted; behind 10 put, 0 deleted',
    'entry 0 put, 0 deleted; behind 5 put, 0 deleted',
    'entry 11 put, 1 deleted; behind 0 put, 0 deleted',
  ]);
  expect(reconciler.realized).not.toBe(1);
  expect(drain(reconciler, 1_900)).toEqual([]);
  expect(told(drain(reconciler, 2_200))).toEqual([
    'entry 0 put, 0 deleted; behind 0 put, 10 deleted',
    'entry 0 put, 0 deleted; behind 0 put, 4 deleted',
  ]);
  expect(reconciler.realized).toBe(1);
});

test('what fits into one bundle goes in one, but for what rests', () => {
  const reconciler = attached([entering(1), ...many(3)], [entering(1, another), ...many(4, another)]);
  expect(told(drain(reconciler, 0))).toEqual(['entry 1 put, 0 deleted; behind 3 put, 0 deleted']);
  expect(told(drain(reconciler, 2_300))).toEqual(['entry 0 put, 0 deleted; behind 0 put, 4 deleted']);
});

test('a change that comes bit by bit does not open the entry before its end', () => {
  const source: Flow[] = [];
  const reconciler = attached([], [entering(1, another), ...many(4, another)]);
  const put = { next: () => source.shift(), left: 0 };
  Object.defineProperty(put, 'left', { get: () => source.length });
  source.push(entering(1), ...many(25));
  reconciler.setDesired({ put }, 2);
  const steps = told(drain(reconciler, 0));
  expect(steps.at(-1)).toContain('entry 1 put, 0 deleted');
  expect(steps.slice(0, -1).every((step) => step.startsWith('entry 0 put, 0 deleted'))).toBe(true);
});

test('meters that only the other version uses go behind its flows', () => {
  const reconciler = attached([entering(1), ...many(3)], [entering(1, another), ...many(4, another)], [meter(7)]);
  expect(told(drain(reconciler, 0))).toEqual(['entry 1 put, 0 deleted; behind 3 put, 0 deleted']);
  expect(drain(reconciler, 1_000)).toEqual([]);
  expect(told(drain(reconciler, 2_300))).toEqual(['entry 0 put, 0 deleted; behind 0 put, 4 deleted', '1 meters']);
});

test('what was built when the way over broke off is gone on with by the next owner', () => {
  const reconciler = attached([entering(1), ...many(30)], [entering(1, another), ...many(4, another), ...many(12)]);
  expect(told(drain(reconciler, 0))).toEqual([
    'entry 0 put, 0 deleted; behind 10 put, 0 deleted',
    'entry 0 put, 0 deleted; behind 8 put, 0 deleted',
    'entry 1 put, 0 deleted; behind 0 put, 0 deleted',
  ]);
});

test('a stray flow in a table that no packet comes to goes at once', () => {
  const wanted = [entering(1), ...many(3)];
  const stray = behind(9, 5, another);
  expect(told(drain(attached(wanted, [...wanted, stray]), 0))).toEqual(['entry 0 put, 0 deleted; behind 0 put, 1 deleted']);
  expect(flowKey(stray)).not.toBe(flowKey(behind(9, 5)));
});
