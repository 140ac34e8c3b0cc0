import type { ApiPorts } from './ports.ts';
import type { Resource } from './schema/answers.ts';

/** So many of each stand in the status of one policy; `lint` has more. */
const listedMax = 20;

/**
 * Policies with what is found among their rules: rules that never decide, and rules that contradict those of another policy. With `each`
 * the first of them, else how many there are. `verified` is false while some of what was written last is still looked at.
 */
export async function withFindings(
  { lint }: Pick<ApiPorts, 'lint'>,
  all: readonly Resource[],
  each: boolean,
): Promise<readonly Resource[]> {
  const policies = all.filter(({ kind }) => kind === 'Policy');
  if (policies.length === 0) return all;
  const ids = policies.map(({ metadata: { tenant, name } }) => ({ tenant, name }));
  const found = await lint.ofPolicies(ids, each ? listedMax : 0);
  const statusOf = new Map(
    policies.map((resource, index) => {
      const { isSettled, shadowed, conflicts } = found[index] ?? nothing;
      const findings = each ? { shadowed, conflicts } : { shadowed: { count: shadowed.count }, conflicts: { count: conflicts.count } };
      return [resource, { ...resource.status, ...findings, verified: isSettled }];
    }),
  );
  return all.map((resource) => ({ ...resource, status: statusOf.get(resource) ?? resource.status }));
}

const none = { items: [], count: 0 };
const nothing = { isSettled: false, shadowed: none, conflicts: none };
