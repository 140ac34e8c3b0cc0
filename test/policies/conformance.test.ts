import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { evaluate, judge, readQuestion } from '../../policies/index.ts';
import { portIdOf } from '../../policies/model/port-id.ts';
import { parseAddress } from '../../src/base/addresses.ts';
import { asks, furniture, mixedSteps, outsiders, singleSteps, underlay } from '../support/policy-cases.ts';
import { cell } from '../support/policy-oracle.ts';
import type { Ask, Place } from '../support/policy-oracle.ts';
import { askedOf, familyOf, nameOf, PolicyScene, suits } from '../support/policy-scene.ts';

/**
 * Hundreds of policies, written as users write them and stored as users store them: the reference and the compiled rules must
 * say what an oracle says that shares no code with them.
 */

/** Asks every `stride`-th question of all that there are; answers how many. */
function compare(scene: PolicyScene, title: string, stride: number, offset: number, seen: Set<string>): number {
  const { oracle, harness } = scene;
  const world = harness.admission.snapshot();
  const outside = outsiders.map((address): Place => ({ address }));
  let number = offset;
  let count = 0;
  for (const local of oracle.places) {
    const family = familyOf(local.address);
    const others = [...oracle.places, ...outside].filter((other) => other.item !== local.item && familyOf(other.address) === family);
    const usable = asks.filter((ask) => suits(ask, family));
    const [leaving, entering] = [oracle.side('egress', local, others, usable), oracle.side('ingress', local, others, usable)];
    for (const other of others) {
      for (const ask of usable) {
        if (number++ % stride !== 0) continue;
        const out = judge(world, readQuestion(world, undefined, askedOf(local, other, ask)));
        const into = judge(world, readQuestion(world, undefined, askedOf(other, local, ask)));
        const told = { egress: out.egress?.verdict, ingress: into.ingress?.verdict };
        const expected = { egress: leaving.get(cell(other, ask)), ingress: entering.get(cell(other, ask)) };
        const where = `${title}: ${nameOf(local)} and ${cell(other, ask)}`;
        expect(told, `reference, ${where}`).toEqual(expected);
        expect(compiled(scene, local, other, ask), `compiled, ${where}`).toEqual(expected);
        for (const side of [out.egress, into.ingress]) if (side) seen.add(`${side.tier} ${side.verdict}`);
        count++;
      }
    }
  }
  return count;
}

function compiled({ graph, harness }: PolicyScene, local: Place, other: Place, { protocol, port }: Ask): object {
  const vm = harness.admission.snapshot().get('Vm', local.tenant, local.vm ?? '')?.document;
  if (!vm) throw new Error('the VM is stored');
  const elements = [...graph.elements(vm.spec.host ?? '').values()];
  const packet = protocol.startsWith('icmp') ? { protocol, type: Math.floor(port / 256), code: port % 256 } : { protocol, port };
  const side = (direction: 'ingress' | 'egress'): string | undefined =>
    evaluate(elements, { direction, portId: portIdOf(vm, 'eth0'), peer: parseAddress(other.address), packet: packet as never })?.verdict;
  return { egress: side('egress'), ingress: side('ingress') };
}

test('each feature by itself', async () => {
  const scene = await PolicyScene.open([...furniture(), ...underlay()]);
  const seen = new Set<string>();
  let [steps, questions] = [0, 0];
  for (const step of singleSteps()) {
    await scene.take(step);
    questions += compare(scene, step.title, 29, steps++, seen);
  }
  expect(steps).toBeGreaterThan(250);
  expect(questions).toBeGreaterThan(20_000);
  expect([...seen].toSorted()).toEqual(['baseline allow', 'platform deny', 'platform reject', 'tenant deny', 'tenant reject']);
});

const firstSeed = Number(process.env['WEIR_CONFORMANCE_SEED'] ?? 1);
const seeds = Array.from({ length: Number(process.env['WEIR_CONFORMANCE_CLOUDS'] ?? 12) }, (_, index) => firstSeed + index);

test.each(seeds)('policies that overlap, updates and new labels: WEIR_CONFORMANCE_SEED=%i', async (seed) => {
  const random = new Random(seed);
  const scene = await PolicyScene.open(furniture());
  const seen = new Set<string>();
  for (const step of mixedSteps(random, 40)) {
    await scene.take(step);
    compare(scene, step.title, 97, random.integer(0, 96), seen);
  }
  expect(seen.size, 'several tiers decide').toBeGreaterThan(2);
});
