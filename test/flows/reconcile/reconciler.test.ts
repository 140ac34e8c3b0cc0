import { describe, expect, test } from 'vitest';
import { Reconciler } from '../../../flows/reconcile/index.ts';
import type { Edit, Step } from '../../../flows/reconcile/index.ts';
import { flowKey } from '../../../flows/model/index.ts';
import type { Flow, Group, Meter } from '../../../flows/model/index.ts';
import { seededRandom } from '../session/random.ts';

const flow = (n: number, tableId = 0, cookie = 1n): Flow => ({
  tableId,
  priority: 100,
  cookie,
  match: [{ field: 'reg0', value: n }],
  instructions: [{ kind: 'goto_table', tableId: 52 }],
});
const group = (groupId: number, port = 1): Group => ({ groupId, type: 'all', buckets: [{ actions: [{ kind: 'output', port }] }] });
const meter = (meterId: number, rate = 100): Meter => ({
  meterId,
  unit: 'kbps',
  burst: false,
  stats: false,
  bands: [{ kind: 'drop', rate, burst: 0 }],
});
const usingGroup = (n: number, groupId: number): Flow => ({
  ...flow(n),
  instructions: [{ kind: 'apply_actions', actions: [{ kind: 'group', groupId }] }],
});

function listed(reconciler: Reconciler, flows: readonly Flow[] = [], groups: readonly Group[] = [], meters: readonly Meter[] = []): void {
  reconciler.beginFlows();
  for (const one of flows) reconciler.listFlow(one);
  reconciler.endFlows();
  reconciler.listGroups(groups);
  reconciler.listMeters(meters);
}

function drain(reconciler: Reconciler): Step[] {
  const steps: Step[] = [];
  for (;;) {
    const step = reconciler.next(0);
    if (!step) return steps;
    steps.push(step);
    reconciler.committed(step, 0);
  }
}

const summary = (steps: readonly Step[]): string[] =>
  steps.map(
    (step) =>
      `${step.kind}: ${step.edits.map((edit) => `${edit.command} ${edit.kind} ${edit.kind === 'flow' ? edit.value.tableId : edit.entry.key}`).join(', ')}`,
  );

describe('first comparison', () => {
  test('nothing is handed out before all listings are complete', () => {
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [flow(1)] }, 1);
    reconciler.beginFlows();
    reconciler.endFlows();
    reconciler.listGroups([]);
    expect(reconciler.next(0)).toBeUndefined();
    expect(reconciler.realized).toBeUndefined();
    reconciler.listMeters([]);
    expect(reconciler.next(0)?.edits).toHaveLength(1);
  });

  test('equal content sends nothing and realizes at once', () => {
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [flow(1), flow(2)], putMeters: [meter(1)], putGroups: [group(1)] }, 7);
    listed(reconciler, [flow(1), flow(2)], [group(1)], [meter(1)]);
    expect(reconciler.next(0)).toBeUndefined();
    expect(reconciler.realized).toBe(7);
  });

  test('foreign flows are removed, whatever their cookie', () => {
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [flow(1)] }, 1);
    listed(reconciler, [flow(1), flow(2), flow(3, 9, 0n)]);
    expect(summary(drain(reconciler))).toEqual(['bundle: delete flow 0, delete flow 9']);
    expect(reconciler.realized).toBe(1);
  });

  test('another cookie with the same actions is overwritten', () => {
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [flow(1, 0, 5n)] }, 1);
    listed(reconciler, [flow(1)]);
    expect(summary(drain(reconciler))).toEqual(['bundle: add flow 0']);
  });
});

describe('order', () => {
  test('a small change is one bundle between meters; additions go before deletions', () => {
    const reconciler = new Reconciler();
    listed(reconciler, [flow(9, 1), flow(8, 5)], [group(2)], [meter(2)]);
    reconciler.setDesired({ put: [flow(1, 1), flow(2, 7)], putGroups: [group(1)], putMeters: [meter(1)] }, 1);
    expect(summary(drain(reconciler))).toEqual([
      'meters: add meter 1',
      'bundle: add group 1, add flow 7, add flow 1, delete flow 1, delete flow 5',
      'bundle: delete group 2',
      'meters: delete meter 2',
    ]);
  });

  test('a large change: additions last table first, one flip, deletions first table first', () => {
    const reconciler = new Reconciler(2);
    listed(reconciler, [flow(1, 3), flow(2, 0), flow(3, 8), flow(4, 4)]);
    reconciler.setDesired({ put: [flow(1, 3, 2n), flow(10, 0), flow(11, 20), flow(12, 10)] }, 1);
    expect(summary(drain(reconciler))).toEqual([
      'bundle: add flow 20, add flow 10',
      'bundle: add flow 0',
      'bundle: add flow 3',
      'bundle: delete flow 0, delete flow 4',
      'bundle: delete flow 8',
    ]);
  });

  test('a fence waits for what is under way', () => {
    const reconciler = new Reconciler();
    listed(reconciler, [flow(1)], [group(1)]);
    const first = reconciler.next(0);
    expect(first?.edits[0]?.kind).toBe('flow');
    expect(reconciler.next(0)).toBeUndefined();
    if (first) reconciler.committed(first, 0);
    expect(reconciler.next(0)?.edits[0]?.kind).toBe('group');
  });
});

describe('a change of many bundles', () => {
  test('sends additions before the rest of it is compared, and nothing else before it is', () => {
    const reconciler = new Reconciler(2);
    listed(reconciler, [flow(1, 3), flow(99, 7)]);
    const many = Array.from({ length: 12 }, (_, index) => flow(index + 10, index % 2 === 0 ? 5 : 1));
    reconciler.setDesired({ put: [flow(1, 3, 2n), ...many] }, 1);
    expect(reconciler.pending).toBe(15);
    expect(reconciler.realized).toBeUndefined();
    const steps = summary(drain(reconciler));
    expect(steps.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => 'bundle: add flow 5, add flow 5'));
    expect(steps.slice(-2)).toEqual(['bundle: add flow 3', 'bundle: delete flow 7']);
    expect(steps.flatMap((step) => step.match(/add flow/g) ?? [])).toHaveLength(13);
    expect(reconciler.realized).toBe(1);
  });

  test('is complete for whoever looks, and survives the loss of the connection', () => {
    const reconciler = new Reconciler(2);
    listed(reconciler);
    const many = Array.from({ length: 30 }, (_, index) => flow(index));
    reconciler.setDesired({ put: many }, 1);
    reconciler.next(0);
    expect(reconciler.flows.desired.size).toBe(30);
    reconciler.setDesired({ put: many.map((one) => ({ ...one, cookie: 2n })) }, 2);
    reconciler.forget();
    listed(reconciler, many);
    expect(drain(reconciler)).toHaveLength(15);
    expect(reconciler.realized).toBe(2);
  });
});

describe('realized', () => {
  test('a revision without a difference is realized at once, one behind it not before the older', () => {
    const reconciler = new Reconciler();
    listed(reconciler);
    reconciler.setDesired({}, 3);
    expect(reconciler.realized).toBe(3);
    reconciler.setDesired({ put: [flow(1)] }, 4);
    reconciler.setDesired({}, 5);
    expect(reconciler.realized).toBe(3);
    drain(reconciler);
    expect(reconciler.realized).toBe(5);
  });

  test('a change of what is under way is sent afterwards and holds its own revision', () => {
    const reconciler = new Reconciler();
    listed(reconciler);
    reconciler.setDesired({ put: [flow(1, 0, 1n)] }, 1);
    const step = reconciler.next(0);
    reconciler.setDesired({ put: [flow(1, 0, 2n)] }, 2);
    expect(reconciler.next(0)).toBeUndefined();
    if (step) reconciler.committed(step, 0);
    expect(reconciler.realized).toBe(1);
    drain(reconciler);
    expect(reconciler.realized).toBe(2);
  });

  test('a change taken back before it is sent needs nothing', () => {
    const reconciler = new Reconciler();
    listed(reconciler);
    reconciler.setDesired({ put: [flow(1)] }, 1);
    reconciler.setDesired({ remove: [flow(1)] }, 2);
    expect(reconciler.next(0)).toBeUndefined();
    expect(reconciler.realized).toBe(2);
  });
});

describe('refusals', () => {
  const refuse = (reconciler: Reconciler, pick: (edit: Edit) => boolean, nowMs = 0): void => {
    const step = reconciler.next(nowMs);
    if (!step) throw new Error('nothing to refuse');
    reconciler.failed(step, new Map(step.edits.filter(pick).map((edit) => [edit, 'BAD'])), nowMs);
  };

  test('the offending flow is set aside and reported, the rest goes on and realizes', () => {
    const reconciler = new Reconciler();
    listed(reconciler);
    reconciler.setDesired({ put: [flow(1), flow(2)] }, 1);
    refuse(reconciler, (edit) => edit.entry.key === flowKey(flow(2)));
    expect(reconciler.takeRefused()).toEqual([{ kind: 'flow', command: 'add', key: flowKey(flow(2)), error: 'BAD' }]);
    expect(drain(reconciler).flatMap((step) => step.edits.map((edit) => edit.entry.key))).toEqual([flowKey(flow(1))]);
    expect(reconciler.realized).toBe(1);
    expect(reconciler.flows.refused.size).toBe(1);
  });

  test('a refused flow is tried again with rising delays, and at once when another is desired', () => {
    const reconciler = new Reconciler();
    listed(reconciler);
    reconciler.setDesired({ put: [flow(1)] }, 1);
    refuse(reconciler, () => true, 0);
    reconciler.retry(999);
    expect(reconciler.next(999)).toBeUndefined();
    reconciler.retry(1_000);
    refuse(reconciler, () => true, 1_000);
    reconciler.retry(2_999);
    expect(reconciler.next(2_999)).toBeUndefined();
    reconciler.setDesired({ put: [flow(1)] }, 2);
    expect(reconciler.next(2_999)).toBeUndefined();
    reconciler.setDesired({ put: [flow(1, 0, 3n)] }, 3);
    expect(drain(reconciler)).toHaveLength(1);
    expect(reconciler.flows.refused.size).toBe(0);
  });

  test('flows that need a refused group wait for it instead of failing their bundle', () => {
    const reconciler = new Reconciler();
    listed(reconciler);
    reconciler.setDesired({ put: [usingGroup(1, 5), flow(2)], putGroups: [group(5)] }, 1);
    refuse(reconciler, (edit) => edit.kind === 'group');
    expect(summary(drain(reconciler))).toEqual(['bundle: add flow 0']);
    expect(reconciler.takeRefused().map(({ key, error }) => [key, error])).toEqual([
      [5, 'BAD'],
      [flowKey(flow(1)), 'needs group 5, which is not installed'],
    ]);
    reconciler.setDesired({ putGroups: [group(5, 2)] }, 2);
    expect(summary(drain(reconciler))).toEqual(['bundle: add group 5', 'bundle: add flow 0']);
  });

  test('meters are judged one by one', () => {
    const reconciler = new Reconciler();
    listed(reconciler);
    reconciler.setDesired({ putMeters: [meter(1), meter(2)] }, 1);
    const step = reconciler.next(0);
    if (step) reconciler.partlyCommitted(step, new Map([[step.edits[1] as Edit, 'BAD']]), 0);
    expect([...reconciler.meters.installed.keys()]).toEqual([1]);
    expect(reconciler.realized).toBe(1);
  });
});

describe('drift', () => {
  test('what somebody adds, changes or removes is put right and counted', () => {
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [flow(1), flow(2)] }, 1);
    listed(reconciler, [flow(1), flow(2)]);
    expect(reconciler.flowSeen(flow(3))).toBe('added');
    expect(reconciler.flowSeen(flow(1, 0, 99n))).toBe('changed');
    expect(reconciler.flowGone(flow(2))).toBe('removed');
    expect(reconciler.drift.flows).toEqual({ added: 1, removed: 1, changed: 1 });
    expect(reconciler.next(0)?.edits.map(({ command }) => command)).toEqual(['add', 'add', 'delete']);
    expect(reconciler.realized).toBe(1);
  });

  test('a later listing finds what no monitor told', () => {
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [flow(1), flow(2)], putMeters: [meter(1)] }, 1);
    listed(reconciler, [flow(1), flow(2)], [], [meter(1)]);
    listed(reconciler, [flow(1), flow(4)], [group(1)], [meter(1, 7)]);
    expect(reconciler.drift.flows).toEqual({ added: 1, removed: 1, changed: 0 });
    expect(reconciler.drift.groups.added).toBe(1);
    expect(reconciler.drift.meters.changed).toBe(1);
    expect(summary(drain(reconciler))).toEqual(['meters: modify meter 1', 'bundle: add flow 0, delete flow 0', 'bundle: delete group 1']);
  });

  test('flows that a switch deletes with a group are missed', () => {
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [usingGroup(1, 5)], putGroups: [group(5)] }, 1);
    listed(reconciler, [usingGroup(1, 5)], [group(5)]);
    reconciler.setDesired({ removeGroups: [5] }, 2);
    drain(reconciler);
    expect(reconciler.flows.installed.size).toBe(0);
    expect(reconciler.takeRefused()).toHaveLength(1);
  });
});

describe.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('random life, seed %i', (seed) => {
  test('ends with what is desired, and never claims more than is there', () => {
    const random = seededRandom(seed);
    const reconciler = new Reconciler(4);
    const there = new Map<string, Flow>();
    const desired = new Map<string, Flow>();
    const bad = new Set<string>();
    const underWay: Step[] = [];
    let revision = 0;
    let realized = -1;
    const connect = (): void => listed(reconciler, [...there.values()]);
    const equal = (): boolean => {
      const expected = [...desired].filter(([key]) => !reconciler.flows.refused.has(key));
      return (
        expected.every(([key, one]) => there.get(key)?.cookie === one.cookie) &&
        there.size <= expected.length + reconciler.flows.refused.size
      );
    };
    const finish = (): void => {
      const step = underWay.shift();
      if (!step) return;
      const errors = new Map(
        step.edits
          .filter((edit) => edit.kind === 'flow' && edit.command === 'add' && bad.has(`${edit.entry.key}#${edit.value.cookie}`))
          .map((edit) => [edit, 'BAD']),
      );
      if (errors.size > 0) {
        reconciler.failed(step, errors, 0);
        for (const other of underWay.splice(0)) reconciler.failed(other, new Map(), 0);
        return;
      }
      for (const edit of step.edits) {
        if (edit.kind !== 'flow') continue;
        if (edit.command === 'add') there.set(edit.entry.key, edit.value);
        else there.delete(edit.entry.key);
      }
      reconciler.committed(step, 0);
    };
    const act = (): void => {
      const one = flow(random.below(30), random.below(3), BigInt(random.below(3)));
      const key = flowKey(one);
      const choice = random.below(100);
      if (choice < 40) {
        desired.set(key, one);
        reconciler.setDesired({ put: [one] }, ++revision);
      } else if (choice < 55) {
        desired.delete(key);
        reconciler.setDesired({ remove: [one] }, ++revision);
      } else if (choice < 70) {
        const step = underWay.length < 3 ? reconciler.next(0) : undefined;
        if (step) underWay.push(step);
      } else if (choice < 85) finish();
      else if (choice < 90) {
        there.set(key, one);
        reconciler.flowSeen(one);
      } else if (choice < 95) {
        there.delete(key);
        reconciler.flowGone(one);
      } else if (choice < 98) bad.add(`${key}#${one.cookie}`);
      else {
        underWay.length = 0;
        reconciler.forget();
        realized = -1;
        connect();
      }
    };
    connect();
    for (let step = 0; step < 4_000; step++) {
      act();
      const now = reconciler.realized ?? -1;
      expect(now).toBeGreaterThanOrEqual(realized);
      realized = now;
      expect(now < revision || reconciler.pending > 0 || equal()).toBe(true);
    }
    for (let turn = 0; turn < 1_000; turn++) {
      const step = reconciler.next(0);
      if (step) underWay.push(step);
      finish();
    }
    expect(reconciler.pending).toBe(0);
    expect(reconciler.realized).toBe(revision);
    for (const [key, one] of desired) expect(reconciler.flows.refused.has(key) || there.get(key)?.cookie === one.cookie).toBe(true);
    for (const key of there.keys()) expect(desired.has(key) || reconciler.flows.refused.has(key)).toBe(true);
    for (const [key, refusal] of reconciler.flows.refused) expect(bad.has(`${key}#${refusal.value?.cookie}`)).toBe(true);
  });
});
