import type { RateLimit } from '../compiled.ts';
import type { Bandwidth, QosPolicySpec } from '../model/kinds.ts';
import { resolveName } from '../model/scope.ts';
import { findGroup, isMember, membershipOf } from '../selectors/index.ts';
import type { Labels, Membership, World } from '../selectors/index.ts';

/** A tenant's QoS policy with its groups looked up; `appliesTo` undefined: every interface of the tenant. */
export interface QosRule {
  readonly name: string;
  readonly appliesTo: readonly Membership[] | undefined;
  readonly egress: Bandwidth | undefined;
  readonly ingress: Bandwidth | undefined;
  readonly dscp: number | undefined;
}

export interface Shaping {
  readonly egress: RateLimit | undefined;
  readonly ingress: RateLimit | undefined;
  readonly dscp: number | undefined;
}

export function qosRule(world: Pick<World, 'get'>, tenant: string, name: string, spec: QosPolicySpec): QosRule {
  const memberships = spec.appliesTo?.flatMap((group) => {
    const document = findGroup(world, resolveName(tenant, group));
    return (document && membershipOf(document)) ?? [];
  });
  return { name, appliesTo: memberships, egress: spec.egress, ingress: spec.ingress, dscp: spec.dscp };
}

/** Of several policies the lowest maximum holds; the DSCP is that of the first by name that sets one. */
export function shapingOf(rules: readonly QosRule[], tenant: string, labels: Labels): Shaping {
  const matching = rules
    .filter(({ appliesTo }) => appliesTo === undefined || appliesTo.some((membership) => isMember(membership, tenant, labels)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    egress: lowest(matching.map((rule) => rule.egress)),
    ingress: lowest(matching.map((rule) => rule.ingress)),
    dscp: matching.find((rule) => rule.dscp !== undefined)?.dscp,
  };
}

/**
 * A burst that nobody asked for lasts 200 ms at the full rate. A meter drops and does not queue: over a short path TCP loses its
 * window to it and waits for its retransmission timer, at least 200 ms on Linux, so that a smaller bucket is full long before
 * (20 Mbit/s asked: 2 reached with 20 ms, 18 with 200). It holds at least 128 kilobits: the initial window of a connection, ten
 * full-size packets (RFC 6928).
 */
const burstDefaultMs = 200;
const burstKbMin = 128;

function lowest(bandwidths: readonly (Bandwidth | undefined)[]): RateLimit | undefined {
  let limit: RateLimit | undefined;
  for (const bandwidth of bandwidths) {
    if (bandwidth?.maxMbps === undefined) continue;
    const maxKbps = Math.max(1, Math.round(bandwidth.maxMbps * 1000));
    if (limit !== undefined && limit.maxKbps <= maxKbps) continue;
    limit = { maxKbps, burstKb: bandwidth.burstKb ?? Math.max(burstKbMin, Math.ceil((maxKbps * burstDefaultMs) / 1000)) };
  }
  return limit;
}
