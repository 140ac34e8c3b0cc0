import type { Findings } from './issue.ts';
import type { Bandwidth, QosPolicySpec, Schedule } from './kinds.ts';
import { parseAppliesTo } from './policy.ts';
import { checkWindow, days } from './schedule.ts';
import type { RawSpec } from './schema/resource.ts';

export function parseQosPolicy(spec: RawSpec<'QosPolicy'>, tenant: string | undefined, findings: Findings): QosPolicySpec {
  for (const side of ['egress', 'ingress'] as const) checkBandwidth(spec[side], `/spec/${side}`, findings);
  return {
    ...(spec.appliesTo === undefined ? {} : { appliesTo: parseAppliesTo(spec.appliesTo, tenant, findings) }),
    ...(spec.egress === undefined ? {} : { egress: { ...spec.egress } }),
    ...(spec.ingress === undefined ? {} : { ingress: { ...spec.ingress } }),
    ...(spec.dscp === undefined ? {} : { dscp: spec.dscp }),
    ...(spec.class === undefined ? {} : { class: spec.class }),
    ...(spec.schedule === undefined ? {} : { schedule: parseSchedule(spec.schedule, findings) }),
  };
}

function parseSchedule(raw: NonNullable<RawSpec<'QosPolicy'>['schedule']>, findings: Findings): Schedule {
  const schedule = {
    from: raw.from,
    to: raw.to,
    timezone: raw.timezone ?? 'UTC',
    days: raw.days === undefined ? days : days.filter((day) => raw.days?.includes(day)),
  };
  for (const { field, detail } of checkWindow(schedule)) findings.add(`/spec/schedule/${field}`, detail);
  return schedule;
}

function checkBandwidth(bandwidth: Bandwidth | undefined, pointer: string, findings: Findings): void {
  if (bandwidth === undefined) return;
  const { maxMbps, guaranteedMbps, burstKb } = bandwidth;
  if (maxMbps !== undefined && guaranteedMbps !== undefined && guaranteedMbps > maxMbps)
    findings.add(`${pointer}/guaranteedMbps`, 'is more than maxMbps');
  if (burstKb !== undefined && maxMbps === undefined) findings.add(`${pointer}/burstKb`, 'needs maxMbps');
}
