import { isLabelKey, isLabelValue } from '../../policies/model/index.ts';
import type { Selector, SelectorRequirement } from '../../policies/model/index.ts';
import { AdmissionError } from './error.ts';

/** Terms beyond it are no question that anybody asks. */
const textMax = 4096;

/**
 * The `labelSelector=` of a query, in the syntax of Kubernetes: terms joined by commas, each `key=value`, `key==value`,
 * `key!=value`, `key in (a,b)`, `key notin (a,b)`, `key` or `!key`. Throws `malformed`.
 */
export function parseLabelSelector(text: string): Selector {
  if (text.length > textMax) throw malformed(`has more than ${textMax} characters`);
  return { matchLabels: {}, matchExpressions: termsOf(text).map(parseTerm) };
}

const malformed = (detail: string): AdmissionError =>
  new AdmissionError('malformed', `labelSelector ${detail}`, { errors: [{ pointer: '/labelSelector', detail }] });

/** Commas inside parentheses belong to a term. */
function termsOf(text: string): readonly string[] {
  if (text.trim() === '') return [];
  const terms: string[] = [];
  let [depth, start] = [0, 0];
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (depth < 0 || depth > 1) throw malformed('has parentheses that do not match');
    if (character !== ',' || depth > 0) continue;
    terms.push(text.slice(start, index).trim());
    start = index + 1;
  }
  if (depth !== 0) throw malformed('has parentheses that do not match');
  return [...terms, text.slice(start).trim()];
}

const setTerm = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const equalityTerm = /^([^\s=!]+)\s*(==|=|!=)\s*(\S*)$/;
const presenceTerm = /^(!?)\s*([^\s=!]+)$/;

function parseTerm(term: string): SelectorRequirement {
  const set = setTerm.exec(term);
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    return requirement(set[1] ?? '', set[2] === 'in' ? 'In' : 'NotIn', values);
  }
  const equality = equalityTerm.exec(term);
  if (equality !== null) return requirement(equality[1] ?? '', equality[2] === '!=' ? 'NotIn' : 'In', [equality[3] ?? '']);
  const presence = presenceTerm.exec(term);
  if (presence !== null) return requirement(presence[2] ?? '', presence[1] === '!' ? 'DoesNotExist' : 'Exists', []);
  throw malformed(`has a term that cannot be read: "${term}"`);
}

function requirement(key: string, operator: SelectorRequirement['operator'], values: readonly string[]): SelectorRequirement {
  if (!isLabelKey(key)) throw malformed(`names "${key}", which is no label key`);
  const bad = values.find((value) => !isLabelValue(value));
  if (bad !== undefined) throw malformed(`names "${bad}", which is no label value`);
  return { key, operator, values };
}
