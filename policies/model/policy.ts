import { readBlocks } from './blocks.ts';
import type { Findings } from './issue.ts';
import type { Peer, PolicySpec, Rule } from './kinds.ts';
import type { RawSpec } from './schema/resource.ts';
import { nameFrom, resolveName } from './scope.ts';
import { parsePort } from './service.ts';

type RawRule = NonNullable<RawSpec<'Policy'>['ingress']>[number] & NonNullable<RawSpec<'Policy'>['egress']>[number];
type RawPeer = NonNullable<RawRule['from']>[number];

const orderDefault = 1000;
/** Of a policy, in both directions together. */
export const rulesMax = 1000;

export function parsePolicy(spec: RawSpec<'Policy'>, tenant: string | undefined, findings: Findings): PolicySpec {
  const tier = spec.tier ?? (tenant === undefined ? 'platform' : 'tenant');
  if (tenant !== undefined && tier !== 'tenant') findings.add('/spec/tier', 'must be tenant: platform and baseline are the platform’s');
  if (tenant === undefined && tier === 'tenant') findings.add('/spec/tier', 'must be platform or baseline in a policy of the platform');
  const ingress = (spec.ingress ?? []).map((rule, index) => parseRule(rule, 'from', tenant, `/spec/ingress/${index}`, findings));
  const egress = (spec.egress ?? []).map((rule, index) => parseRule(rule, 'to', tenant, `/spec/egress/${index}`, findings));
  if (ingress.length + egress.length > rulesMax) findings.add('/spec', `has more than ${rulesMax} rules`);
  return {
    tier,
    order: spec.order ?? orderDefault,
    ...(spec.appliesTo === undefined ? {} : { appliesTo: parseAppliesTo(spec.appliesTo, tenant, findings) }),
    ingress,
    egress,
  };
}

/** Groups of the owner or of the platform: what a policy applies to is never another tenant's. */
export function parseAppliesTo(names: readonly string[], tenant: string | undefined, findings: Findings): readonly string[] {
  const canonical = names.map((name, index) => ownOrPlatform(name, tenant, `/spec/appliesTo/${index}`, findings));
  return [...new Set(canonical)];
}

function ownOrPlatform(name: string, owner: string | undefined, pointer: string, findings: Findings): string {
  const scoped = resolveName(owner, name);
  if (scoped.tenant !== undefined && scoped.tenant !== owner) findings.add(pointer, 'must be NAME or platform/NAME');
  return nameFrom(owner, scoped);
}

function parseRule(raw: RawRule, side: 'from' | 'to', tenant: string | undefined, pointer: string, findings: Findings): Rule {
  const peers = raw[side]?.map((peer, index) => parsePeer(peer, tenant, `${pointer}/${side}/${index}`, findings));
  const services = raw.services?.map((entry, index) => {
    const at = `${pointer}/services/${index}`;
    return typeof entry === 'string' ? ownOrPlatform(entry, tenant, at, findings) : parsePort(entry, at, findings);
  });
  return {
    action: raw.action,
    ...(peers === undefined ? {} : { peers }),
    ...(services === undefined ? {} : { services }),
    log: raw.log ?? false,
  };
}

function parsePeer(raw: RawPeer, tenant: string | undefined, pointer: string, findings: Findings): Peer {
  const given = (['group', 'cidr', 'any'] as const).filter((field) => raw[field] !== undefined);
  if (given.length !== 1) {
    findings.add(pointer, 'must have exactly one of group, cidr and any');
    return { kind: 'any' };
  }
  if (raw.except !== undefined && raw.cidr === undefined) findings.add(`${pointer}/except`, 'goes with cidr only');
  if (raw.tenant !== undefined && raw.group === undefined) findings.add(`${pointer}/tenant`, 'goes with group only');
  if (raw.group !== undefined) return parseGroupPeer(raw.group, raw.tenant, tenant, pointer, findings);
  if (raw.cidr !== undefined) {
    const at = { blocks: () => `${pointer}/cidr`, except: (index: number) => `${pointer}/except/${index}` };
    const blocks = readBlocks([raw.cidr], raw.except ?? [], at, findings);
    return { kind: 'cidr', cidr: blocks.cidrs[0] ?? raw.cidr, except: blocks.except };
  }
  return { kind: 'any' };
}

function parseGroupPeer(
  group: string,
  peerTenant: string | undefined,
  owner: string | undefined,
  pointer: string,
  findings: Findings,
): Peer {
  if (peerTenant === undefined) return { kind: 'group', group: ownOrPlatform(group, owner, `${pointer}/group`, findings) };
  if (owner !== undefined) findings.add(`${pointer}/tenant`, 'belongs to policies of the platform only');
  if (group.includes('/')) findings.add(`${pointer}/group`, 'must be a plain name beside tenant');
  return { kind: 'group', group, tenant: peerTenant };
}

/** As users write it. */
export function presentPolicy(spec: PolicySpec): unknown {
  return {
    tier: spec.tier,
    order: spec.order,
    ...(spec.appliesTo === undefined ? {} : { appliesTo: spec.appliesTo }),
    ...(spec.ingress.length > 0 ? { ingress: spec.ingress.map((rule) => presentRule(rule, 'from')) } : {}),
    ...(spec.egress.length > 0 ? { egress: spec.egress.map((rule) => presentRule(rule, 'to')) } : {}),
  };
}

function presentRule(rule: Rule, side: 'from' | 'to'): unknown {
  return {
    action: rule.action,
    ...(rule.peers === undefined ? {} : { [side]: rule.peers.map(presentPeer) }),
    ...(rule.services === undefined ? {} : { services: rule.services }),
    ...(rule.log ? { log: true } : {}),
  };
}

function presentPeer(peer: Peer): unknown {
  switch (peer.kind) {
    case 'any':
      return { any: true };
    case 'cidr':
      return peer.except.length > 0 ? { cidr: peer.cidr, except: peer.except } : { cidr: peer.cidr };
    case 'group':
      return peer.tenant === undefined ? { group: peer.group } : { tenant: peer.tenant, group: peer.group };
  }
}
