import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { flowKey } from '../../../flows/model/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { tables } from '../../../flows/pipeline/index.ts';
import { renderBase, renderElement } from '../../../flows/render/index.ts';
import { maskedRange } from '../../../src/base/masked-range.ts';
import { elementKey } from '../../../policies/compiled.ts';
import type { Direction, Element, RuleElement, ServiceMatch } from '../../../policies/compiled.ts';
import { evaluate } from '../../../policies/index.ts';
import type { Address, Prefix } from '../../../src/base/addresses.ts';
import { formatPrefix, networkMask } from '../../../src/base/addresses.ts';
import { walk } from '../../support/flow-table.ts';

/** Rendered rules decide as `evaluate` does: flows here, elements there. */

type Meeting = Parameters<typeof evaluate>[1];

const tenant = 7;
const domain = 99;
const group = fc.integer({ min: 0, max: 5 }).map((number) => (number === 5 ? 127 : number));
const groups = fc.uniqueArray(group, { maxLength: 3 });
const bits = groups.map((numbers) => numbers.reduce((all, number) => all | (1n << BigInt(number)), 0n));
const port = fc.constantFrom(1, 22, 79, 80, 81, 443, 65_535);
const address = fc
  .tuple(fc.constantFrom(4 as const, 6 as const), fc.integer({ min: 0, max: 3 }))
  .map(([family, low]): Address => ({ family, value: (family === 4 ? 0x0a00_0000n : 0xfd00n << 112n) + BigInt(low) }));
const prefix = fc.tuple(address, fc.constantFrom(0, 8, 31, 32, 127, 128)).map(([{ family, value }, length]): Prefix => {
  const most = Math.min(length, family === 4 ? 32 : 128);
  return { family, value: value & networkMask(family, most), length: most };
});
const ports = fc.option(
  fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
  { nil: undefined },
);
const number = fc.option(fc.constantFrom(0, 3, 8, 128), { nil: undefined });
const service: fc.Arbitrary<ServiceMatch> = fc.oneof(
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const), ports }),
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const), ports, destination: group }),
  fc.record({ protocol: fc.constantFrom('icmp' as const, 'icmpv6' as const), type: number, code: number }),
);
const rule = fc.record({
  tier: fc.constantFrom('platform' as const, 'tenant' as const, 'baseline' as const),
  direction: fc.constantFrom('egress' as const, 'ingress' as const),
  action: fc.constantFrom('allow' as const, 'deny' as const, 'reject' as const, 'pass' as const),
  local: fc.option(fc.uniqueArray(group, { minLength: 1, maxLength: 3 }), { nil: undefined }),
  peers: fc.option(fc.record({ groups, prefixes: fc.uniqueArray(prefix, { maxLength: 2, selector: formatPrefix }) }), { nil: undefined }),
  services: fc.option(fc.array(service, { maxLength: 3 }), { nil: undefined }),
  log: fc.boolean(),
});
const rules = fc
  .array(rule, { maxLength: 6 })
  .map((drafts) =>
    drafts.map((draft, index): RuleElement => ({ ...draft, kind: 'rule', id: index + 1, tenant, priority: 60_000 - index * 10 })),
  );

const protocols = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmpv6: 58 } as const;
const packet = fc.oneof(
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const), port }),
  fc.record({ protocol: fc.constant('icmp' as const), type: fc.constantFrom(0, 3, 8), code: fc.constantFrom(0, 3) }),
);
const meeting = fc.record({ peer: address, direction: fc.constantFrom<Direction[]>('egress', 'ingress'), packet });

/** What the tables before have put into registers. */
function fieldsOf({ peer, packet: asked }: Meeting, local: bigint, peerGroups: bigint) {
  const low = 'port' in asked ? asked.port : asked.type * 256 + asked.code;
  return {
    eth_type: peer.family === 4 ? 0x0800 : 0x86dd,
    reg1: tenant,
    reg7: peer.family === 4 ? Number(peer.value) : 0,
    xxreg1: peer.family === 6 ? peer.value : 0n,
    xxreg2: local,
    xxreg3: peerGroups,
    metadata: (BigInt(protocols[asked.protocol]) << 16n) | BigInt(low),
  } as const;
}

const render = (elements: readonly Element[]): readonly Flow[] => [
  ...renderBase(),
  ...elements.flatMap((element) => renderElement(elementKey(element), element)),
];

test('the first rule that matches decides, tier by tier, then the posture', () => {
  const cases = fc.record({
    rules,
    meeting,
    local: bits,
    peerGroups: bits,
    posture: fc.constantFrom('open' as const, 'zero-trust' as const),
  });
  fc.assert(
    fc.property(cases, ({ rules: some, meeting: drawn, local, peerGroups, posture }) => {
      const { peer } = drawn;
      // ICMP of the address's own family.
      const asked = drawn.packet.protocol === 'icmp' && peer.family === 6 ? { ...drawn.packet, protocol: 'icmpv6' as const } : drawn.packet;
      const met: Meeting = { direction: drawn.direction, peer, packet: asked, portId: 'p' };
      const elements: readonly Element[] = [
        { kind: 'tenant', tenant, posture },
        {
          kind: 'interface',
          portId: 'p',
          zone: 1,
          tenant,
          domain,
          vni: 1,
          mac: 2,
          addresses: [],
          groups: local,
          egress: undefined,
          ingress: undefined,
          dscp: undefined,
        },
        { kind: 'identity', domain, tenant, address: peer, vni: 1, mac: 3, groups: peerGroups },
        ...some,
      ];
      const entry = met.direction === 'egress' ? tables.egressPlatform : tables.ingressPlatform;
      const end = walk(render(elements), fieldsOf(met, local, peerGroups), entry.id, [tables.allow.id, tables.deny.id]);
      const outcome = evaluate(elements, met);
      const seen = Number((end?.metadata ?? 0n) & 0xffff_ffffn);
      const said = { allowed: end?.table === tables.allow.id, rule: outcome?.rule ? seen : undefined };
      expect(said).toEqual({ allowed: outcome?.verdict === 'allow', rule: outcome?.rule?.id });
    }),
    { numRuns: 3000 },
  );
});

test('rules of other tenants are not asked', () => {
  const others: Element = {
    kind: 'rule',
    id: 1,
    tenant: tenant + 1,
    tier: 'platform',
    direction: 'egress',
    priority: 1,
    action: 'allow',
    local: undefined,
    peers: undefined,
    services: undefined,
    log: false,
  };
  const met: Meeting = { direction: 'egress', peer: { family: 4, value: 1n }, packet: { protocol: 'tcp', port: 80 }, portId: 'p' };
  const end = walk(render([others]), fieldsOf(met, 0n, 0n), tables.egressPlatform.id, [tables.allow.id, tables.deny.id]);
  expect(end?.table).toBe(tables.deny.id);
});

/** Alternatives of a rule's dimensions; one that is "any" has none and does not count. */
function alternatives({ local, peers, services }: RuleElement): readonly number[] {
  const masks = (each: ServiceMatch): number => ('ports' in each && each.ports ? maskedRange(each.ports.first, each.ports.last).length : 1);
  const clauses = services?.reduce((sum, each) => sum + masks(each), 0);
  return [local?.length, peers && peers.groups.length + peers.prefixes.length, clauses].filter((count) => count !== undefined);
}

test('a rule takes no more flows than the sum of its parts, one and its accounting, and no flow twice', () => {
  fc.assert(
    fc.property(rules, (some) => {
      for (const each of some) {
        const flows = renderElement('rule', each);
        expect(flows.length).toBeLessThanOrEqual(alternatives(each).reduce((sum, count) => sum + count, 2));
        expect(new Set(flows.map(flowKey)).size).toBe(flows.length);
      }
    }),
  );
});
