import { array, assert, boolean, nat, property, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { Names } from '../../src/admission/names.ts';

test('the names of an owner are in order, and what was handed out stays as it was', () => {
  assert(
    property(array(tuple(nat({ max: 60 }), boolean()), { maxLength: 300, size: 'max' }), (steps) => {
      const names = new Names();
      const present = new Set<string>();
      const wrong: string[] = [];
      const handedOut: { readonly list: readonly string[]; readonly copy: string }[] = [];
      for (const [number, isListed] of steps) {
        const name = `vm-${number}`;
        const isThere = !present.has(name);
        if (isThere) present.add(name);
        else present.delete(name);
        names.change({ space: 'doc', kind: 'Vm', tenant: 'acme', name }, isThere);
        if (names.count('Vm', 'acme') !== present.size) wrong.push(name);
        if (!isListed) continue;
        const list = names.of('Vm', 'acme');
        handedOut.push({ list, copy: list.join() });
        if (list.join() !== [...present].toSorted().join()) wrong.push(name);
      }
      expect(wrong).toEqual([]);
      expect(handedOut.filter(({ list, copy }) => list.join() !== copy)).toEqual([]);
    }),
    { numRuns: 50 },
  );
});
