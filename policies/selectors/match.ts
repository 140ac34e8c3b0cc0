import type { Selector, SelectorRequirement } from '../model/kinds.ts';

/**
 * Whether labels satisfy a selector, by Kubernetes' rules: every part must hold, an empty selector matches
 * everything, and `NotIn` also matches where the label is absent.
 */
export function matches(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  for (const key in selector.matchLabels) {
    if (valueOf(labels, key) !== selector.matchLabels[key]) return false;
  }
  return selector.matchExpressions.every((requirement) => holds(requirement, valueOf(labels, requirement.key)));
}

function holds(requirement: SelectorRequirement, value: string | undefined): boolean {
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** A label may be called `constructor`: what labels inherit from Object is no label. */
function valueOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
