import type { RuleElement, ServiceMatch, TenantElement } from '../../policies/compiled.ts';
import { networkMask } from '../../src/base/addresses.ts';
import type { Prefix } from '../../src/base/addresses.ts';
import type { Instruction, MatchField } from '../model/index.ts';
import { ctState, decidingRuleMask, registers, tables } from '../pipeline/index.ts';
import type { TableName } from '../pipeline/index.ts';
import { connection, apply, equals, flow, goto, ipProtocols, ipv4, ipv6, masked, valueOf, writeMetadata } from './build.ts';
import type { FlowDraft } from './build.ts';
import { maskedRanges } from './port-range.ts';

const tierTables = {
  egress: { platform: 'egressPlatform', tenant: 'egressTenant', baseline: 'egressBaseline' },
  ingress: { platform: 'ingressPlatform', tenant: 'ingressTenant', baseline: 'ingressBaseline' },
} as const satisfies Record<RuleElement['direction'], Record<RuleElement['tier'], TableName>>;

/** One alternative of a dimension: conditions that hold together. A family is named when the alternative exists in that one only. */
interface Alternative {
  readonly family: 4 | 6 | undefined;
  readonly match: readonly MatchField[];
}

/**
 * A rule has up to three dimensions: who is here, who is there, what is asked. One that is "any" is left out. Written out as
 * products when that takes no more flows than a conjunction, as a conjunction otherwise: flows grow with the sum of the alternatives.
 */
export function ruleFlows(rule: RuleElement): readonly FlowDraft[] {
  const dimensions = [localAlternatives(rule), peerAlternatives(rule), serviceAlternatives(rule)].filter(
    (dimension) => dimension !== undefined,
  );
  const product = dimensions.reduce((count, dimension) => count * dimension.length, 1);
  const sum = dimensions.reduce((count, dimension) => count + dimension.length, 0);
  if (product === 0) return [];
  return product <= sum + 1 ? productFlows(rule, dimensions) : conjunctionFlows(rule, dimensions);
}

function verdict(rule: RuleElement): readonly Instruction[] {
  const decided = writeMetadata(BigInt(rule.id), decidingRuleMask);
  switch (rule.action) {
    case 'allow':
      return [decided, goto('allow')];
    // Without a responder a reject is a deny.
    case 'deny':
    case 'reject':
      return [decided, goto('deny')];
    case 'pass': {
      const { miss } = tables[tierTables[rule.direction][rule.tier]];
      return miss === 'drop' ? [] : [goto(miss.goto)];
    }
  }
}

function productFlows(rule: RuleElement, dimensions: readonly (readonly Alternative[])[]): readonly FlowDraft[] {
  let combined: readonly Alternative[] = [{ family: undefined, match: [] }];
  for (const dimension of dimensions) {
    combined = combined.flatMap((left) =>
      dimension
        .filter((right) => left.family === undefined || right.family === undefined || left.family === right.family)
        .map((right) => ({
          family: left.family ?? right.family,
          match: [...left.match, ...right.match],
        })),
    );
  }
  return combined.map(({ family, match }) => ruleFlow(rule, family, match, ...verdict(rule)));
}

function conjunctionFlows(rule: RuleElement, dimensions: readonly (readonly Alternative[])[]): readonly FlowDraft[] {
  const clauses = dimensions.flatMap((dimension, clause) =>
    dimension.map(({ family, match }) =>
      ruleFlow(rule, family, match, apply({ kind: 'conjunction', id: rule.id, clause, clauses: dimensions.length })),
    ),
  );
  return [...clauses, ruleFlow(rule, undefined, [equals('conj_id', rule.id)], ...verdict(rule))];
}

/** Bits and numbers mean something for one tenant only, so that every flow of a rule asks for the tenant. */
function ruleFlow(
  rule: RuleElement,
  family: 4 | 6 | undefined,
  match: readonly MatchField[],
  ...instructions: readonly Instruction[]
): FlowDraft {
  const familyMatch = family === undefined ? [] : [family === 4 ? ipv4 : ipv6];
  return flow(
    tierTables[rule.direction][rule.tier],
    rule.priority,
    [...familyMatch, equals(registers.tenant, rule.tenant), ...match],
    ...instructions,
  );
}

const groupBit = (register: 'xxreg2' | 'xxreg3', group: number): Alternative => ({
  family: undefined,
  match: [masked(register, 1n << BigInt(group), 1n << BigInt(group))],
});

function localAlternatives(rule: RuleElement): readonly Alternative[] | undefined {
  return rule.local?.map((group) => groupBit(registers.localGroups, group));
}

function peerAlternatives(rule: RuleElement): readonly Alternative[] | undefined {
  if (rule.peers === undefined) return undefined;
  return [...rule.peers.groups.map((group) => groupBit(registers.peerGroups, group)), ...rule.peers.prefixes.map(prefixAlternative)];
}

function prefixAlternative(prefix: Prefix): Alternative {
  const { family, length } = prefix;
  if (length === 0) return { family, match: [] };
  const register = family === 4 ? registers.peer4 : registers.peer6;
  return {
    family,
    match: [masked(register, valueOf(prefix), valueOf({ family, value: networkMask(family, length) }))],
  };
}

/** Services are those of the connection's original direction, also for replies and for fragments without a header of layer 4. */
function serviceAlternatives(rule: RuleElement): readonly Alternative[] | undefined {
  return rule.services?.flatMap(serviceAlternative);
}

const tracked = connection(0, ctState.invalid);

function serviceAlternative(service: ServiceMatch): readonly Alternative[] {
  const protocol = equals('ct_nw_proto', ipProtocols[service.protocol]);
  switch (service.protocol) {
    case 'icmp':
    case 'icmpv6': {
      const type = service.type === undefined ? [] : [equals('ct_tp_src', service.type)];
      const code = service.code === undefined ? [] : [equals('ct_tp_dst', service.code)];
      return [
        {
          family: service.protocol === 'icmp' ? 4 : 6,
          match: [tracked, protocol, ...type, ...code],
        },
      ];
    }
    default:
      if (service.ports === undefined) return [{ family: undefined, match: [tracked, protocol] }];
      return maskedRanges(service.ports.first, service.ports.last).map(({ value, mask }) => ({
        family: undefined,
        match: [tracked, protocol, mask === 0xffff ? equals('ct_tp_dst', value) : masked('ct_tp_dst', value, mask)],
      }));
  }
}

/** What happens when no rule has decided. A tenant without trust needs no flow: the last table's miss denies. */
export function tenantFlows(element: TenantElement): readonly FlowDraft[] {
  if (element.posture === 'zero-trust') return [];
  const asked = [equals(registers.tenant, element.tenant)];
  const noRule = writeMetadata(0n, decidingRuleMask);
  return [flow('egressPosture', 10, asked, noRule, goto('allow')), flow('ingressPosture', 10, asked, noRule, goto('allow'))];
}
