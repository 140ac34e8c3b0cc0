import type { DocumentId } from '../../policies/index.ts';
import type { Document } from '../../policies/model/kinds.ts';
import type { PolicyNumbers, RuleNumbers } from '../../policies/model/stored.ts';

type PolicyDocument = Extract<Document, { kind: 'Policy' }>;

const prioritySpacing = 16;
const priorityFirst = 60_000;

/**
 * Numbers the rules of all policies: ids that stand are kept, priorities fall by order, name and position within
 * (owner, tier, direction). Writes `numbers`; answers the policies whose numbers changed.
 */
export function numberPolicies(
  policies: readonly PolicyDocument[],
  numbers: Map<string, PolicyNumbers>,
  nextId: () => number,
): readonly DocumentId[] {
  const changed: DocumentId[] = [];
  const tables = Map.groupBy(policies, ({ metadata, spec }) => `${metadata.tenant ?? '-'} ${spec.tier}`);
  for (const table of tables.values()) {
    const next = { egress: priorityFirst, ingress: priorityFirst };
    for (const policy of table.toSorted(byOrder)) {
      const key = `${policy.metadata.tenant ?? '-'}/${policy.metadata.name}`;
      const before = numbers.get(key);
      const number = (direction: 'egress' | 'ingress'): readonly RuleNumbers[] =>
        policy.spec[direction].map((_, index) => ({
          id: before?.[direction][index]?.id ?? nextId(),
          priority: (next[direction] -= prioritySpacing),
        }));
      const after = { ingress: number('ingress'), egress: number('egress') };
      if (JSON.stringify(before) === JSON.stringify(after)) continue;
      numbers.set(key, after);
      changed.push({ kind: 'Policy', tenant: policy.metadata.tenant, name: policy.metadata.name });
    }
  }
  return changed;
}

function byOrder(a: PolicyDocument, b: PolicyDocument): number {
  if (a.spec.order !== b.spec.order) return a.spec.order - b.spec.order;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
