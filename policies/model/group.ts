import { readBlocks } from './blocks.ts';
import type { Findings } from './issue.ts';
import { pointerStep } from './issue.ts';
import type { GroupSpec, Selector, SelectorRequirement } from './kinds.ts';
import { isLabelKey, isLabelValue } from './labels.ts';
import type { RawSpec } from './schema/resource.ts';

type RawSelector = NonNullable<RawSpec<'Group'>['selector']>;

export function parseGroup(spec: RawSpec<'Group'>, tenant: string | undefined, findings: Findings): GroupSpec {
  if (spec.tenants !== undefined && tenant !== undefined) findings.add('/spec/tenants', 'belongs to platform groups only');
  const tenants = tenant !== undefined ? undefined : Array.isArray(spec.tenants) ? [...new Set(spec.tenants)].toSorted() : ('all' as const);
  return { members: parseMembers(spec, findings), ...(tenants === undefined ? {} : { tenants }) };
}

function parseMembers(spec: RawSpec<'Group'>, findings: Findings): GroupSpec['members'] {
  if ((spec.selector === undefined) === (spec.cidrs === undefined)) {
    findings.add('/spec', 'must have one of selector and cidrs');
    return { kind: 'cidrs', cidrs: [], except: [] };
  }
  if (spec.selector !== undefined) {
    if (spec.except !== undefined) findings.add('/spec/except', 'goes with cidrs only');
    return { kind: 'selector', selector: parseSelector(spec.selector, findings) };
  }
  const at = { blocks: (index: number) => `/spec/cidrs/${index}`, except: (index: number) => `/spec/except/${index}` };
  return { kind: 'cidrs', ...readBlocks(spec.cidrs ?? [], spec.except ?? [], at, findings) };
}

/** Unlike labels that users set, a selector may name those that the system sets. */
function parseSelector(raw: RawSelector, findings: Findings): Selector {
  const pointer = '/spec/selector';
  const matchLabels = Object.entries(raw.matchLabels ?? {}).map(([key, value]): [string, string] => {
    if (!isLabelKey(key)) findings.add(`${pointer}/matchLabels${pointerStep(key)}`, 'is no label key');
    else if (!isLabelValue(String(value))) findings.add(`${pointer}/matchLabels${pointerStep(key)}`, 'is no label value');
    return [key, String(value)];
  });
  const matchExpressions = (raw.matchExpressions ?? []).map((entry, index): SelectorRequirement => {
    const at = `${pointer}/matchExpressions/${index}`;
    const values = entry.values ?? [];
    const takesValues = entry.operator === 'In' || entry.operator === 'NotIn';
    if (!isLabelKey(entry.key)) findings.add(`${at}/key`, 'is no label key');
    if (takesValues && values.length === 0) findings.add(`${at}/values`, `${entry.operator} needs at least one value`);
    if (!takesValues && values.length > 0) findings.add(`${at}/values`, `${entry.operator} takes no values`);
    for (const [position, value] of values.entries())
      if (!isLabelValue(value)) findings.add(`${at}/values/${position}`, 'is no label value');
    return { key: entry.key, operator: entry.operator, values };
  });
  return { matchLabels: Object.fromEntries(matchLabels), matchExpressions };
}

/** As users write it. */
export function presentGroup(spec: GroupSpec): unknown {
  const tenants = spec.tenants === undefined ? {} : { tenants: spec.tenants };
  if (spec.members.kind === 'cidrs') {
    return { cidrs: spec.members.cidrs, ...(spec.members.except.length > 0 ? { except: spec.members.except } : {}), ...tenants };
  }
  return { selector: presentSelector(spec.members.selector), ...tenants };
}

function presentSelector(selector: Selector): unknown {
  const expressions = selector.matchExpressions.map((entry) =>
    entry.values.length > 0 ? entry : { key: entry.key, operator: entry.operator },
  );
  return {
    ...(Object.keys(selector.matchLabels).length > 0 ? { matchLabels: selector.matchLabels } : {}),
    ...(expressions.length > 0 ? { matchExpressions: expressions } : {}),
  };
}
