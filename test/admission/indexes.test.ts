import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { load } from '../../src/admission/load.ts';
import type { Cell } from '../../src/admission/records.ts';
import { Working } from '../../src/admission/working.ts';
import { openHarness } from './harness.ts';
import { dice, firstDocuments, randomSubmission } from './requests.ts';

type Cells = ReadonlyMap<string, Cell>;

/** The states of a world, one after the other. What did not change between two of them is the same cell, as it is in admission. */
async function statesOf(seed: number): Promise<readonly Cells[]> {
  const harness = await openHarness();
  await harness.apply(...firstDocuments);
  const roll = dice(seed);
  const states: Cells[] = [];
  const known = new Map<string, Cell>();
  const same = (key: string, cell: Cell): Cell => {
    const version = `${key} ${cell.revision}`;
    const kept = known.get(version) ?? cell;
    known.set(version, kept);
    return kept;
  };
  for (let round = 0; round < 12; round++) {
    await Promise.allSettled(Array.from({ length: 15 }, () => harness.admission.submit(randomSubmission(roll))));
    const { cells } = await load(harness.store);
    states.push(new Map([...cells].map(([key, cell]) => [key, same(key, cell)])));
  }
  return states;
}

const tenants = ['a', 'b', 'c'];
const owners = [...tenants, undefined];
const sorted = (values: Iterable<unknown>): readonly unknown[] => [...values].map((value) => JSON.stringify(value)).toSorted();

/** Everything that validation asks of the indexes, over all that a world can hold. */
function tell(working: Working, keys: readonly string[]): unknown {
  const { domains, named, occupancy, placements, tallies, users, vnis } = working;
  const networks = keys.filter((key) => key.startsWith('doc/Network/'));
  const groups = keys.filter((key) => key.startsWith('doc/Group/'));
  return {
    networks: networks.map((key) => [
      key,
      sorted(occupancy.addressesOf(key)),
      sorted(occupancy.macsOf(key)),
      sorted(domains.around(key)),
      sorted(domains.routersOf(key)),
      sorted(domains.tenantsAt(key)),
      ['http', 'sql'].map((name) => sorted(domains.declaredAt(key, name))),
    ]),
    users: keys.map((key) => [key, sorted(users.of(key))]),
    tallies: owners.map((owner) => tallies.of(owner)),
    names: owners.map((owner) => [
      sorted(named.ports.names(owner)),
      sorted(named.groups.names(owner)),
      groups.map((key) => sorted(named.groups.policies(owner, key))),
    ]),
    reach: tenants.map((tenant) => sorted(domains.networksOf(tenant))),
    declared: ['http', 'sql'].map((name) => sorted(domains.declaredAnywhere(name))),
    hosts: ['h1', 'h2', 'h3'].map((host) => sorted(placements.zonesOf(host))),
    encaps: Array.from({ length: 20 }, (_, index) => placements.hostAt(`192.0.2.${index}`)),
    vnis: [vnis.next(), ...Array.from({ length: 30 }, (_, index) => vnis.networkOf(1000 + index)), vnis.networkOf(70_000)],
    sequence: owners.map((owner) => (['platform', 'tenant', 'baseline'] as const).map((tier) => working.sequence.of(owner, tier))),
  };
}

test.each(Array.from({ length: 8 }, (_, index) => index + 1))(
  'indexes follow from the cells alone, in whatever order they were written, seed %i',
  async (seed) => {
    const random = new Random(seed);
    const states = await statesOf(seed);
    const keys = [...new Set(states.flatMap((state) => [...state.keys()]))].toSorted();
    const working = new Working();
    for (const last of states) {
      for (let step = 0; step < 1000; step++) {
        const key = random.pick(keys) ?? '';
        working.write(key, random.pick([last, random.pick(states)])?.get(key));
      }
      for (const key of random.shuffle(keys)) working.write(key, last.get(key));
      const fresh = new Working();
      for (const [key, cell] of last) fresh.write(key, cell);
      expect(tell(working, keys)).toEqual(tell(fresh, keys));
    }
  },
);
