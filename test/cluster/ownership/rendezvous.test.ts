import { expect, test } from 'vitest';
import { highestWeight } from '../../../cluster/ownership/rendezvous.ts';

const members = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const forms: readonly ((at: number) => string)[] = [
  (at) => `hv${at}`,
  (at) => `compute-${String(at).padStart(4, '0')}.example`,
  (at) => `000000000000${((at * 2654435761) % 65_536).toString(16).padStart(4, '0')}`,
];

test('nobody has what nobody can have, and one has everything', () => {
  expect(highestWeight('hv1', [])).toBeUndefined();
  expect(highestWeight('hv1', ['only'])).toBe('only');
});

test('the order in which members are named does not count', () => {
  for (let at = 0; at < 500; at++) expect(highestWeight(`hv${at}`, members)).toBe(highestWeight(`hv${at}`, members.toReversed()));
});

test('each member gets an even share, however hosts and members are called', () => {
  for (const form of forms) {
    for (const named of [(id: string) => id, (id: string) => `weir-${id}`, (id: string) => `10.0.0.${id.charCodeAt(0)}`]) {
      for (const count of [2, 3, 5, 7]) {
        const shares = new Map<string, number>();
        const hosts = 2_000;
        for (let at = 0; at < hosts; at++) {
          const owner = highestWeight(form(at), members.slice(0, count).map(named)) ?? '';
          shares.set(owner, (shares.get(owner) ?? 0) + 1);
        }
        expect(shares.size).toBe(count);
        // Five standard deviations of the binomial distribution.
        const spread = 5 * Math.sqrt((hosts / count) * (1 - 1 / count));
        for (const share of shares.values()) expect(Math.abs(share - hosts / count)).toBeLessThan(spread);
      }
    }
  }
});

test('a member that goes loses its own and nothing else moves; one that comes takes from all, for itself alone', () => {
  for (const form of forms) {
    for (let count = 2; count <= members.length; count++) {
      const all = members.slice(0, count);
      for (const gone of all) {
        const left = all.filter((id) => id !== gone);
        for (let at = 0; at < 300; at++) {
          const before = highestWeight(form(at), all);
          expect(before === gone ? left : [before]).toContain(highestWeight(form(at), left));
        }
      }
    }
  }
});
