import { describe, expect, test } from 'vitest';
import type { RuleNumbers } from '../../policies/model/index.ts';
import { spread } from '../../src/admission/numbers/spread.ts';
import { matchRules } from '../../src/admission/numbers/matching.ts';
import { document, openFurnished, openHarness, refused } from './harness.ts';
import type { Harness } from './harness.ts';

const port = (number: number): object => ({ action: 'allow', services: [{ protocol: 'tcp', port: number }] });
const rules = (...ports: readonly number[]): object => ({ ingress: ports.map(port) });
const numbersOf = (harness: Harness, name: string): readonly RuleNumbers[] =>
  harness.admission.snapshot().policyNumbers('acme', name)?.ingress ?? [];
const bitsOf = (harness: Harness, tenant = 'acme'): unknown => harness.admission.snapshot().tenantNumbers(tenant)?.groups;

describe('rule numbers', () => {
  test('a rule whose content stays keeps its id and priority; others keep theirs when one is inserted', async () => {
    const harness = await openFurnished();
    await harness.put('Policy', 'acme', 'p', rules(1, 2, 3));
    const before = numbersOf(harness, 'p');
    await harness.put('Policy', 'acme', 'p', rules(1, 9, 2, 3));
    const after = numbersOf(harness, 'p');
    expect([after[0], after[2], after[3]]).toEqual(before);
    expect(after[1]?.id).toBe(4);
    await harness.put('Policy', 'acme', 'p', rules(1, 3, 2));
    const swapped = numbersOf(harness, 'p');
    expect(swapped.map((rule) => rule.id)).toEqual([1, 3, 2]);
    expect(falling(swapped)).toBe(true);
  });

  test('policies are judged by order, then name, whatever the order in which they came', async () => {
    const harness = await openFurnished();
    for (const [name, order] of [
      ['m', 500],
      ['z', 10],
      ['b', 1000],
      ['a', 1000],
      ['k', 500],
    ] as const) {
      await harness.put('Policy', 'acme', name, { order, ...rules(1, 2) });
    }
    const sequence = ['z', 'k', 'm', 'a', 'b'].flatMap((name) => numbersOf(harness, name));
    expect(falling(sequence)).toBe(true);
    const kept = numbersOf(harness, 'k');
    await harness.put('Policy', 'acme', 'z', { order: 2000, ...rules(1, 2) });
    expect(falling(['k', 'm', 'a', 'b', 'z'].flatMap((name) => numbersOf(harness, name)))).toBe(true);
    expect(numbersOf(harness, 'k')).toEqual(kept);
  });

  test('neighbours are spaced anew when a gap is used up', async () => {
    const harness = await openFurnished();
    for (let index = 0; index < 60; index++) {
      // Always between the last two: the gap halves each time.
      await harness.put('Policy', 'acme', `p${String(index).padStart(3, '0')}`, {
        order: index % 2 === 0 ? 1000 + index : 3000 - index,
        ...rules(index + 1),
      });
    }
    const all = [...harness.admission.snapshot().list('Policy', 'acme')].map(({ document: { metadata, spec } }) => ({
      name: metadata.name,
      order: spec.order,
    }));
    all.sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
    expect(falling(all.flatMap(({ name }) => numbersOf(harness, name)))).toBe(true);
    expect(new Set(all.flatMap(({ name }) => numbersOf(harness, name).map((rule) => rule.id))).size).toBe(60);
  });

  test('a tier holds 65,535 rules and not one more', async () => {
    const harness = await openFurnished();
    const full = rules(...Array.from({ length: 1000 }, (_, index) => index + 1));
    const submissions = Array.from({ length: 65 }, (_, index) => harness.put('Policy', undefined, `p${index}`, full));
    await Promise.all(submissions);
    await harness.put('Policy', undefined, 'last', rules(...Array.from({ length: 535 }, (_, index) => index + 1)));
    expect((await refused(harness, () => harness.put('Policy', undefined, 'more', rules(1)))).code).toBe('flow-budget');
  });
});

const falling = (numbers: readonly RuleNumbers[]): boolean =>
  numbers.every(
    (rule, index) => rule.priority >= 1 && rule.priority <= 65_535 && (index === 0 || rule.priority < (numbers[index - 1]?.priority ?? 0)),
  );

describe('group bits', () => {
  const naming = (...groups: readonly string[]): object => ({ ingress: [{ action: 'allow', from: groups.map((group) => ({ group })) }] });

  test('are given to what rules name, and freed with the last of them', async () => {
    const harness = await openFurnished();
    await harness.apply(...['a', 'b', 'c'].map((name) => document('Group', 'acme', name, { selector: {} })));
    await harness.put('Group', undefined, 'ops', { selector: {} });
    await harness.put('Policy', 'acme', 'p', { appliesTo: ['a'], ...naming('b', 'platform/ops') });
    expect(bitsOf(harness)).toEqual({ a: 0, b: 1, 'platform/ops': 2 });
    await harness.put('Policy', 'acme', 'q', naming('b'));
    await harness.remove('Policy', 'acme', 'p');
    expect(bitsOf(harness)).toEqual({ b: 1 });
    await harness.put('Policy', 'acme', 'q', naming('b', 'c'));
    expect(bitsOf(harness)).toEqual({ b: 1, c: 3 });
  });

  test('are 128 for each tenant before sets are numbered, and a freed bit is the last to come again', async () => {
    const harness = await openFurnished();
    const names = Array.from({ length: 129 }, (_, index) => `g${index}`);
    await harness.apply(...names.map((name) => document('Group', 'acme', name, { selector: {} })));
    await harness.put('Policy', 'acme', 'p', naming(...names.slice(0, 127)));
    await harness.put('Policy', 'acme', 'q', naming('g0', 'g127'));
    await harness.put('Policy', 'acme', 'q', naming('g128'));
    expect(bitsOf(harness)).toMatchObject({ g0: 0, g128: 127 });
    expect(harness.admission.snapshot().tenantNumbers('acme')?.view).toBeUndefined();
  });

  test('of platform policies are given to the tenants they concern, those that come later included', async () => {
    const harness = await openHarness();
    for (const tenant of ['a', 'b']) await harness.put('Tenant', undefined, tenant);
    await harness.apply(
      document('Group', 'a', 'web', { selector: {} }),
      document('Group', undefined, 'some', { selector: {}, tenants: ['a'] }),
      document('Policy', undefined, 'p', { appliesTo: ['some'], egress: [{ action: 'deny', to: [{ tenant: 'a', group: 'web' }] }] }),
    );
    expect([bitsOf(harness, 'a'), bitsOf(harness, 'b')]).toEqual([{ 'platform/some': 0, web: 1 }, {}]);
    await harness.put('Group', undefined, 'some', { selector: {}, tenants: 'all' });
    expect(bitsOf(harness, 'b')).toEqual({ 'platform/some': 0, 'a/web': 1 });
    await harness.put('Tenant', undefined, 'c');
    expect(bitsOf(harness, 'c')).toEqual({ 'platform/some': 0, 'a/web': 1 });
    await harness.put('Group', undefined, 'some', { selector: {}, tenants: ['b'] });
    expect([bitsOf(harness, 'a'), bitsOf(harness, 'b'), bitsOf(harness, 'c')]).toEqual([{}, { 'platform/some': 0, 'a/web': 1 }, {}]);
  });
});

describe('arithmetic', () => {
  test('priorities are spread within their bounds and avoid those just left', () => {
    expect(spread(65_536, 0, 3, new Set())).toEqual([32_784, 32_768, 32_752]);
    expect(spread(100, 0, 2, new Set())).toEqual([84, 68]);
    expect(spread(10, 6, 3, new Set())).toEqual([9, 8, 7]);
    expect(spread(10, 6, 4, new Set())).toBeUndefined();
    expect(spread(20, 10, 1, new Set([15]))).toEqual([14]);
  });

  test('rules are matched by content, each once', () => {
    expect(matchRules(['a', 'b', 'c'], ['c', 'a', 'b', 'b'])).toEqual([
      { old: 2, inOrder: false },
      { old: 0, inOrder: true },
      { old: 1, inOrder: true },
      undefined,
    ]);
  });
});
