import type { Precondition } from '../admission/index.ts';
import { ProblemError } from './problem.ts';

export interface ConditionHeaders {
  readonly 'if-match'?: string;
  readonly 'if-none-match'?: string;
}

/** `If-Match: "12"` or `If-None-Match: *` (RFC 9110, section 13.1). */
export function conditionOf(headers: ConditionHeaders): Precondition | undefined {
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (match !== undefined && noneMatch !== undefined) throw malformed('if-match', 'excludes If-None-Match');
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*') throw malformed('if-none-match', 'must be *');
    return { kind: 'absent' };
  }
  if (match === undefined) return undefined;
  const revision = /^\s*"?(\d{1,15})"?\s*$/.exec(match)?.[1];
  if (revision === undefined) throw malformed('if-match', 'must be one revision in double quotes');
  return { kind: 'at', revision: Number(revision) };
}

function malformed(header: string, detail: string): ProblemError {
  return new ProblemError('malformed', `header ${header} ${detail}`, { errors: [{ pointer: `/${header}`, detail, in: 'headers' }] });
}

/** Of a verb that does the same whatever was there before: a condition is refused, so that nobody counts on it. */
export function refuseCondition(headers: ConditionHeaders): void {
  for (const header of ['if-match', 'if-none-match'] as const) {
    if (headers[header] !== undefined) throw malformed(header, 'is not for this request');
  }
}

export const etagOf = (revision: number): string => `"${revision}"`;
