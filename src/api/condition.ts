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

export const etagOf = (revision: number): string => `"${revision}"`;
