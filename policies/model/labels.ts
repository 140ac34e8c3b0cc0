import type { Findings } from './issue.ts';
import { pointerStep } from './issue.ts';

const namePattern = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const prefixPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const prefixCharactersMax = 253;

/** Set by the system on every interface; users select by them but do not write them. */
const systemLabelPrefix = 'weir.io/';

/** Kubernetes: an optional DNS subdomain and a slash, then at most 63 letters, digits, `-`, `_` and `.`. */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  if (slash < 0) return namePattern.test(key);
  const prefix = key.slice(0, slash);
  return prefix.length <= prefixCharactersMax && prefixPattern.test(prefix) && namePattern.test(key.slice(slash + 1));
}

export function isLabelValue(value: string): boolean {
  return value === '' || namePattern.test(value);
}

/** Labels as users set them, in order of their keys. */
export function parseLabels(raw: object | undefined, pointer: string, findings: Findings): Readonly<Record<string, string>> {
  const labels: [string, string][] = [];
  for (const [key, value] of Object.entries<unknown>((raw ?? {}) as Record<string, unknown>)) {
    if (!isLabelKey(key))
      findings.add(pointer + pointerStep(key), 'is no label key: [PREFIX/]NAME, the name of at most 63 letters, digits, "-", "_" and "."');
    else if (key.startsWith(systemLabelPrefix))
      findings.add(pointer + pointerStep(key), `begins with ${systemLabelPrefix}, which only the system sets`);
    else if (typeof value !== 'string' || !isLabelValue(value))
      findings.add(pointer + pointerStep(key), 'is no label value: at most 63 letters, digits, "-", "_" and "."');
    else labels.push([key, value]);
  }
  labels.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(labels);
}
