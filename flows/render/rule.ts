import type { RuleElement, ServiceMatch, TenantElement } from '../../policies/compiled.ts';
import { networkMask } from '../../src/base/addresses.ts';
import type { Prefix } from '../../src/base/addresses.ts';
import { assert } from '../../src/base/errors.ts';
import { maskedRange } from '../../src/base/masked-range.ts';
import { canonical, flowKey, isOpaque } from '../model/index.ts';
import type { Instruction, MatchField } from '../model/index.ts';
import { decidingRuleMask, flags, registers, serviceProtocolMask, serviceProtocolShift, tables, tenantInView } from '../pipeline/index.ts';
import type { TableName } from '../pipeline/index.ts';
import { apply, equals, flow, goto, ipProtocols, ipv4, ipv6, masked, valueOf, writeMetadata } from './build.ts';
import type { FlowDraft } from './build.ts';

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
  return [...(product <= sum + 1 ? productFlows(rule, dimensions) : conjunctionFlows(rule, dimensions)), ...accounting(rule)];
}

/**
 * What a rule decides comes by here once for each connection and side: when the connection opens, or for each packet that would open
 * one and is refused. Its counters are the rule's connections. A rule that passes or holds decides nothing.
 */
function accounting(rule: RuleElement): readonly FlowDraft[] {
  if (rule.action === 'pass' || rule.action === 'hold') return [];
  const decided = [equals(registers.tenant, tenantInView(rule)), masked('metadata', BigInt(rule.id), decidingRuleMask)];
  const told = rule.log ? [apply({ kind: 'resubmit', table: tables.log.id })] : [];
  return [flow('accounting', 10, decided, ...told, ...onward[rule.action])];
}

const onward: Readonly<Record<Exclude<RuleElement['action'], 'pass' | 'hold'>, readonly Instruction[]>> = {
  allow: [goto('qos')],
  deny: [],
  reject: [goto('reject')],
};

function verdict(rule: RuleElement): readonly Instruction[] {
  const decided = writeMetadata(BigInt(rule.id), decidingRuleMask);
  switch (rule.action) {
    case 'allow':
      return [decided, goto('allow')];
    case 'deny':
      return [decided, goto('deny')];
    case 'reject':
      return [writeMetadata(BigInt(rule.id) | flags.rejected, decidingRuleMask | flags.rejected), goto('deny')];
    case 'hold':
      return [];
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
        .flatMap((right): readonly Alternative[] => {
          const match = joined(left.match, right.match);
          return match ? [{ family: left.family ?? right.family, match }] : [];
        }),
    );
  }
  const flows = combined.map(({ family, match }) => ruleFlow(rule, family, match, ...verdict(rule)));
  // Bits that are asked for in two dimensions can be the same pair twice.
  const crossed = rule.services?.some((service) => 'destination' in service) === true;
  return crossed ? [...new Map(flows.map((draft) => [flowKey(draft), draft])).values()] : flows;
}

/** Both matches at once, if that can be. Two dimensions may ask for groups in one register; a match names each field once. */
function joined(left: readonly MatchField[], right: readonly MatchField[]): readonly MatchField[] | undefined {
  const result = [...left];
  for (const condition of right) {
    const at = result.findIndex(({ field }) => field === condition.field);
    const present = result[at];
    const combined = present === undefined ? condition : both(present, condition);
    if (combined === undefined) return undefined;
    if (present === undefined) result.push(combined);
    else result[at] = combined;
  }
  return result;
}

/** Group bits are asked to be set, so that two conditions on them never contradict each other; an end is in one set only. */
function both(a: MatchField, b: MatchField): MatchField | undefined {
  assert(!isOpaque(a) && !isOpaque(b), 'conditions of rules are on known fields');
  if (a.mask === undefined && b.mask === undefined) return a.value === b.value ? a : undefined;
  assert(!isOpaque(a) && !isOpaque(b) && typeof a.mask === 'bigint' && typeof b.mask === 'bigint', 'only group bits are joined');
  return masked(a.field, BigInt(a.value) | BigInt(b.value), a.mask | b.mask);
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
    [...familyMatch, equals(registers.tenant, tenantInView(rule)), ...match],
    ...instructions,
  );
}

/** That an end is in one of the groups: it has one of their bits, or it is in one of the sets with one of them. */
function groupAlternatives(rule: RuleElement, end: 'local' | 'peers', groups: readonly number[]): readonly Alternative[] {
  const register = end === 'local' ? registers.localGroups : registers.peerGroups;
  const conditions =
    rule.sets === undefined
      ? groups.map((group) => masked(register, 1n << BigInt(group), 1n << BigInt(group)))
      : rule.sets[end].filter((set) => set.groups.some((group) => groups.includes(group))).map(({ number }) => equals(register, number));
  return conditions.map((condition) => ({ family: undefined, match: [condition] }));
}

function localAlternatives(rule: RuleElement): readonly Alternative[] | undefined {
  return rule.local && groupAlternatives(rule, 'local', rule.local);
}

function peerAlternatives(rule: RuleElement): readonly Alternative[] | undefined {
  if (rule.peers === undefined) return undefined;
  return [...groupAlternatives(rule, 'peers', rule.peers.groups), ...rule.peers.prefixes.map(prefixAlternative)];
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

/** Services are those of the connection's original direction, as `service` read them. */
function serviceAlternatives(rule: RuleElement): readonly Alternative[] | undefined {
  const alternatives = rule.services?.flatMap((service) => serviceAlternative(rule, service));
  // Ranges may share a block.
  return alternatives && [...new Map(alternatives.map((alternative) => [canonical(alternative.match), alternative])).values()];
}

const anybody: Alternative = { family: undefined, match: [] };

const asking = (protocol: number, port: number, portMask: number): MatchField =>
  masked('metadata', (BigInt(protocol) << serviceProtocolShift) | BigInt(port), serviceProtocolMask | BigInt(portMask));

function serviceAlternative(rule: RuleElement, service: ServiceMatch): readonly Alternative[] {
  const protocol = ipProtocols[service.protocol];
  if (!('ports' in service)) {
    const type = service.type === undefined ? { value: 0, mask: 0 } : { value: service.type << 8, mask: 0xff00 };
    const code = service.code === undefined ? { value: 0, mask: 0 } : { value: service.code, mask: 0xff };
    return [{ family: service.protocol === 'icmp' ? 4 : 6, match: [asking(protocol, type.value | code.value, type.mask | code.mask)] }];
  }
  const end = rule.direction === 'ingress' ? 'local' : 'peers';
  const held = service.destination === undefined ? [anybody] : groupAlternatives(rule, end, [service.destination]);
  const ranges = service.ports === undefined ? [{ value: 0, mask: 0 }] : maskedRange(service.ports.first, service.ports.last);
  return ranges.flatMap(({ value, mask }) =>
    held.map(({ match }) => ({ family: undefined, match: [asking(protocol, value, mask), ...match] })),
  );
}

/** The number of the rule that decided, when none has. */
export const noRule = writeMetadata(0n, decidingRuleMask);

/** What happens when no rule has decided, and the accounting of it. A tenant without trust needs no flow for the verdict: every host denies. */
export function tenantFlows(element: TenantElement): readonly FlowDraft[] {
  const asked = [equals(registers.tenant, tenantInView(element))];
  const undecided = [...asked, masked('metadata', 0n, decidingRuleMask)];
  if (element.posture === 'zero-trust') return [flow('accounting', 10, undecided)];
  if (element.posture === 'hold') return [flow('egressPosture', 10, asked), flow('ingressPosture', 10, asked)];
  return [
    flow('egressPosture', 10, asked, noRule, goto('allow')),
    flow('ingressPosture', 10, asked, noRule, goto('allow')),
    flow('accounting', 10, undecided, goto('qos')),
  ];
}
