import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { parseAddress } from '../../src/base/addresses.ts';
import type { Address } from '../../src/base/addresses.ts';
import type { Direction, Element } from '../../policies/compiled.ts';
import { createGraph, evaluate, judge } from '../../policies/index.ts';
import type { End, Packet, PolicyGraph, SideVerdict } from '../../policies/index.ts';
import { portIdOf } from '../../policies/model/port-id.ts';
import { externals, RandomCloud } from './random-cloud.ts';

/** A running interface's address, and where its elements are. */
interface Held extends End {
  readonly owner: NonNullable<End['owner']>;
  readonly portId: string;
  readonly host: string;
  readonly domain: number;
}

function heldAddresses(cloud: RandomCloud, graph: PolicyGraph): readonly Held[] {
  return [...cloud.documents.list('Vm')].flatMap(({ document: vm }) =>
    vm.spec.interfaces.flatMap((item): Held[] => {
      const host = vm.spec.host ?? '';
      const portId = portIdOf(vm, item.name);
      const element = graph.elements(host).get(`interface/${portId}`);
      if (element?.kind !== 'interface') return [];
      const owner = { tenant: vm.metadata.tenant ?? '', vm: vm.metadata.name, interface: item.name };
      return item.addresses.map((text) => ({ address: parseAddress(text), owner, portId, host, domain: element.domain }));
    }),
  );
}

function randomPacket(random: Random, family: 4 | 6): Packet {
  if (random.chance(0.2)) return { protocol: family === 4 ? 'icmp' : 'icmpv6', type: random.pick([8, 128, 3]), code: random.pick([0, 1]) };
  return { protocol: random.pick(['tcp', 'udp', 'sctp']), port: random.pick([80, 443, 5432, 53, 50, 500, 501, 9]) };
}

/** The id of the rule that a verdict names: undefined for the posture. */
function ruleId(cloud: RandomCloud, direction: Direction, local: Held, side: SideVerdict): number | undefined {
  if (side.policy === undefined || side.rule === undefined) return undefined;
  const owner = side.tier === 'tenant' ? local.owner.tenant : undefined;
  return cloud.documents.policyNumbers(owner, side.policy)?.[direction][side.rule]?.id;
}

function expectSide(
  cloud: RandomCloud,
  elements: readonly Element[],
  direction: Direction,
  local: Held,
  peer: Address,
  packet: Packet,
  side: SideVerdict | null,
): void {
  const outcome = evaluate(elements, { direction, portId: local.portId, peer, packet });
  const hint = JSON.stringify({ direction, local: local.owner, packet, side });
  expect({ verdict: outcome?.verdict, rule: outcome?.rule?.id }, `at ${hint}`).toEqual({
    verdict: side?.verdict,
    rule: side ? ruleId(cloud, direction, local, side) : undefined,
  });
}

test.each(Array.from({ length: 25 }, (_, seed) => 1000 + seed))('what is compiled decides as the semantics, seed %i', (seed) => {
  const random = new Random(seed);
  const cloud = new RandomCloud(random);
  const graph = createGraph();
  graph.load(cloud.documents);
  const decided = new Set<string>();
  for (let round = 0; round < 12; round++) {
    for (let step = 0; step < 4; step++) graph.update(cloud.mutate(), cloud.documents);
    const held = heldAddresses(cloud, graph);
    const elementsAt = new Map([...graph.hosts()].map((host) => [host, [...graph.elements(host).values()]]));
    for (let question = 0; question < 40; question++) {
      const local = random.pick(held);
      if (!local) break;
      const others = held.filter((end) => end !== local && end.domain === local.domain && end.address.family === local.address.family);
      const outside = externals.map(parseAddress).filter(({ family }) => family === local.address.family);
      const peer: Held | Address | undefined = others.length > 0 && random.chance(0.7) ? random.pick(others) : random.pick(outside);
      if (!peer) continue;
      const end: End = 'owner' in peer ? { address: peer.address, owner: peer.owner } : { address: peer, owner: undefined };
      const packet = randomPacket(random, local.address.family);
      const leaving = judge(cloud.documents, { from: local, to: end, packet });
      expectSide(cloud, elementsAt.get(local.host) ?? [], 'egress', local, end.address, packet, leaving.egress);
      if ('owner' in peer) expectSide(cloud, elementsAt.get(peer.host) ?? [], 'ingress', peer, local.address, packet, leaving.ingress);
      const entering = judge(cloud.documents, { from: end, to: local, packet });
      expectSide(cloud, elementsAt.get(local.host) ?? [], 'ingress', local, end.address, packet, entering.ingress);
      for (const side of [leaving.egress, entering.ingress]) if (side) decided.add(`${side.tier} ${side.verdict}`);
    }
  }
  expect(decided.size, 'the questions reach several tiers and verdicts').toBeGreaterThan(4);
});
