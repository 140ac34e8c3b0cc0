import { expect } from 'vitest';
import type { Random } from '../../bench/workloads/random.ts';
import { parseAddress } from '../../src/base/addresses.ts';
import type { Address } from '../../src/base/addresses.ts';
import type { Direction, Element } from '../../policies/compiled.ts';
import { evaluate, judge } from '../../policies/index.ts';
import type { Documents, End, Packet, PolicyGraph, SideVerdict } from '../../policies/index.ts';
import { portIdOf } from '../../policies/model/port-id.ts';

/** A running interface's address, and where its elements are. */
interface Held extends End {
  readonly owner: NonNullable<End['owner']>;
  readonly portId: string;
  readonly host: string;
  readonly domain: number;
}

/** Where questions come from. */
export interface Questions {
  readonly count: number;
  /** Addresses that belong to nobody, or to somebody elsewhere. */
  readonly externals: readonly string[];
  readonly ports: readonly number[];
}

function heldAddresses(documents: Documents, graph: PolicyGraph): readonly Held[] {
  return [...documents.list('Vm')].flatMap(({ document: vm }) =>
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

function randomPacket(random: Random, family: 4 | 6, ports: readonly number[]): Packet {
  if (random.chance(0.2)) return { protocol: family === 4 ? 'icmp' : 'icmpv6', type: random.pick([8, 128, 3]), code: random.pick([0, 1]) };
  return { protocol: random.pick(['tcp', 'udp', 'sctp']), port: random.pick(ports) ?? 9 };
}

/** The id of the rule that a verdict names: undefined for the posture. */
function ruleId(documents: Documents, direction: Direction, local: Held, side: SideVerdict): number | undefined {
  if (side.policy === undefined || side.rule === undefined) return undefined;
  const owner = side.tier === 'tenant' ? local.owner.tenant : undefined;
  return documents.policyNumbers(owner, side.policy)?.[direction][side.rule]?.id;
}

/**
 * Random connections between running interfaces, and with the rest of the world: each side of what the graph has compiled
 * decides as the semantics, by the same rule. Answers which tiers decided, and how.
 */
export function expectAgreement(documents: Documents, graph: PolicyGraph, random: Random, questions: Questions): ReadonlySet<string> {
  const decided = new Set<string>();
  const held = heldAddresses(documents, graph);
  const elementsAt = new Map([...graph.hosts()].map((host) => [host, [...graph.elements(host).values()]]));
  const expectSide = (direction: Direction, local: Held, peer: Address, packet: Packet, side: SideVerdict | null): void => {
    const elements: readonly Element[] = elementsAt.get(local.host) ?? [];
    const outcome = evaluate(elements, { direction, portId: local.portId, peer, packet });
    const hint = JSON.stringify({ direction, local: local.owner, packet, side });
    expect({ verdict: outcome?.verdict, rule: outcome?.rule?.id }, `at ${hint}`).toEqual({
      verdict: side?.verdict,
      rule: side ? ruleId(documents, direction, local, side) : undefined,
    });
    if (side) decided.add(`${side.tier} ${side.verdict}`);
  };
  for (let question = 0; question < questions.count; question++) {
    const local = random.pick(held);
    if (!local) break;
    const near = held.filter((end) => end.domain === local.domain && end.address.family === local.address.family);
    const others = near.filter((end) => end !== local);
    const outside = questions.externals
      .map(parseAddress)
      .filter(({ family, value }) => family === local.address.family && near.every((end) => end.address.value !== value));
    const peer: Held | Address | undefined = others.length > 0 && random.chance(0.7) ? random.pick(others) : random.pick(outside);
    if (!peer) continue;
    const end: End = 'owner' in peer ? { address: peer.address, owner: peer.owner } : { address: peer, owner: undefined };
    const packet = randomPacket(random, local.address.family, questions.ports);
    const leaving = judge(documents, { from: local, to: end, packet });
    expectSide('egress', local, end.address, packet, leaving.egress);
    if ('owner' in peer) expectSide('ingress', peer, local.address, packet, leaving.ingress);
    const entering = judge(documents, { from: end, to: local, packet });
    expectSide('ingress', local, end.address, packet, entering.ingress);
  }
  return decided;
}
