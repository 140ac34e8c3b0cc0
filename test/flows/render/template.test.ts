import { expect, test } from 'vitest';
import { Random } from '../../../bench/workloads/random.ts';
import { flowKey, flowTemplate } from '../../../flows/model/index.ts';
import type { Flow, FlowDraft, Instruction, MatchField } from '../../../flows/model/index.ts';
import { encodeFlowMod, Writer } from '../../../flows/openflow/index.ts';
import { LatentRenderer, renderElement } from '../../../flows/render/index.ts';
import { elementKey } from '../../../policies/compiled.ts';
import type { Element } from '../../../policies/compiled.ts';
import type { Address } from '../../../src/base/addresses.ts';

const big = (random: Random, bits: number): bigint => {
  let value = 0n;
  for (let at = 0; at < bits; at += 16)
    value = (value << 16n) | BigInt(random.pick([0, 1, 0x7fff, 0x8000, 0xffff, random.integer(0, 0xffff)]) ?? 0);
  return BigInt.asUintN(bits, value);
};
const small = (random: Random, bits: number): number => Number(big(random, bits));

const address = (random: Random): Address =>
  random.chance(0.5) ? { family: 4, value: big(random, 32) } : { family: 6, value: big(random, 128) };

function anyElement(random: Random): Element {
  if (random.chance(0.1))
    return {
      kind: 'network',
      vni: small(random, 24),
      domain: small(random, 24),
      gateways: [address(random)],
      isolated: false,
      broadcast: false,
    };
  if (random.chance(0.5))
    return {
      kind: 'identity',
      domain: small(random, 24),
      tenant: random.integer(1, 2 ** 28 - 1),
      address: address(random),
      vni: small(random, 24),
      mac: small(random, 48),
      groups: big(random, 128),
      ...(random.chance(0.5) && { view: random.integer(0, 15) }),
    };
  return {
    kind: 'neighbour',
    vni: small(random, 24),
    mac: small(random, 48),
    addresses: Array.from({ length: random.integer(0, 2) }, () => address(random)),
    at: random.chance(0.3) ? { kind: 'local', zone: random.integer(1, 65_534) } : { kind: 'remote', encap: address(random) },
    answered: random.chance(0.5),
  };
}

function bytesOf(flow: Flow, version: 4 | 5 | 6): string {
  const writer = new Writer();
  encodeFlowMod(writer, version, 7, 'OFPFC_ADD', flow);
  return Buffer.from(writer.written()).toString('hex');
}

const seed = Date.now() % 1_000_000_007;

test(`what is filled in has the key and the bytes of what is written out, seed ${seed}`, () => {
  const random = new Random(seed);
  const renderer = new LatentRenderer();
  let filled = 0;
  for (let step = 0; step < 2_000; step++) {
    const element = anyElement(random);
    const owner = elementKey(element);
    const written = renderElement(owner, element);
    const latent = renderer.element(owner, element);
    if (random.chance(0.1)) renderer.rest();
    expect(latent.map((flow) => flow.key)).toEqual(written.map(({ tableId, priority, match }) => flowKey({ tableId, priority, match })));
    for (const [index, flow] of latent.entries()) {
      const plain = written[index];
      if (!plain) continue;
      if (flow.filled) filled++;
      expect(plain.filled).toBeUndefined();
      for (const version of [4, 5, 6] as const) expect(bytesOf(flow, version)).toBe(bytesOf(plain, version));
    }
  }
  expect(filled).toBeGreaterThan(1_000);
});

const draft = (match: readonly MatchField[], ...instructions: readonly Instruction[]): FlowDraft => ({
  tableId: 1,
  priority: 1,
  match,
  instructions,
});

test('a template whose values do not stand as they are is refused', () => {
  const shifted = (): unknown => flowTemplate([32], (value) => draft([{ field: 'reg1', value: Math.floor(value / 2) }]));
  const twice = (): unknown => flowTemplate([32], (value) => draft([{ field: 'reg1', value, mask: value }]));
  const longer = (): unknown => flowTemplate([32], (value) => draft(value === 0 ? [] : [{ field: 'reg1', value }]));
  const needy = (): unknown => flowTemplate([32], (value) => draft([{ field: 'reg1', value }], { kind: 'meter', meterId: 1 }));
  for (const make of [shifted, twice, longer, needy]) expect(make).toThrow(/template/);
});

test('while more is to come an element of many flows is not made anew for each of them, a small one rests', () => {
  const renderer = new LatentRenderer();
  const blocks = Array.from({ length: 1_000 }, (_, index) => ({ family: 4, value: BigInt(index * 2), length: 32 }) as const);
  const rule = (id: number, prefixes: typeof blocks): Element => ({
    kind: 'rule',
    id,
    tenant: 1,
    tier: 'tenant',
    direction: 'ingress',
    priority: id,
    action: 'allow',
    local: undefined,
    peers: { groups: [], prefixes },
    services: undefined,
    log: false,
  });
  const large = renderer.element('large', rule(1, blocks));
  const small = renderer.element('small', rule(2, blocks.slice(0, 3)));
  const held = [large, small].map((flows) => flows.at(-1)?.match);
  const heldNow = (): boolean[] => [large, small].map((flows, index) => flows.at(-1)?.match === held[index]);
  expect(heldNow()).toEqual([true, true]);
  renderer.restSmall();
  expect(heldNow()).toEqual([true, false]);
  renderer.rest();
  expect(heldNow()).toEqual([false, false]);
});
