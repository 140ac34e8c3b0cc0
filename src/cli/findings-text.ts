import type { Conflict, Rule, Shadow } from '../api/schema/findings.ts';
import type { Terminal } from './terminal.ts';

/** Rules, conflicts and rules that never decide, as they are told to people. */

/** So many texts are printed in one place. */
const shownMax = 8;

export function few(texts: readonly string[], separator: string): string {
  const more = texts.length - shownMax;
  return more > 1 ? `${texts.slice(0, shownMax).join(separator)} and ${more} more` : texts.join(separator);
}

export function section(title: string, lines: readonly string[], { bold }: Terminal['colours']): readonly string[] {
  return lines.length === 0 ? [] : [[`\n${bold(title)}`, ...lines.map((line) => `  ${line}`)].join('\n')];
}

export const ruleText = ({ tenant, policy, direction, rule, action }: Rule): string =>
  `${tenant ?? 'platform'}/${policy} ${direction} rule ${rule} (${action})`;

export function conflictText({ first, second, decidedBy }: Conflict): string {
  const why = decidedBy === 'name' ? 'only by their names, since their orders are equal' : 'by its order';
  return `${ruleText(first)} is asked before ${ruleText(second)}, which says otherwise: ${why}`;
}

export function shadowText({ rule, kind, by, byCount }: Shadow): string {
  const others = few(by.map(ruleText), ', ');
  const more = byCount > by.length ? ` and ${byCount - by.length} more` : '';
  return `${ruleText(rule)} is ${kind === 'redundant' ? 'redundant beside' : 'shadowed by'} ${others}${more}`;
}
