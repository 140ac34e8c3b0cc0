import type { TenantSpec } from './kinds.ts';
import type { RawSpec } from './schema/resource.ts';

export function parseTenant(spec: RawSpec<'Tenant'>): TenantSpec {
  return { posture: spec.posture ?? 'zero-trust', quotas: { ...spec.quotas } };
}
