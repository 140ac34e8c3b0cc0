import type { Foreseen, Snapshot } from '../../admission/index.ts';
import type { PlannedQuota } from '../ports.ts';

const counted = ['networks', 'vms', 'interfaces', 'policies', 'flows'] as const;

/** What becomes more or less of what tenants may have, with the limit where there is one. `flows` is the budget's estimate, never too low. */
export function quotaOf({ tallies }: Foreseen, after: Snapshot, sees: string | undefined): readonly PlannedQuota[] {
  return tallies.flatMap(({ owner, before, after: now }) => {
    if (owner === undefined || (sees !== undefined && owner !== sees)) return [];
    const quotas = after.get('Tenant', undefined, owner)?.document.spec.quotas ?? {};
    return counted
      .filter((name) => before[name] !== now[name])
      .map((name): PlannedQuota => {
        return { tenant: owner, name, before: before[name], after: now[name], limit: quotas[name] };
      });
  });
}
