import { isLabelKey, isLabelValue } from '../../policies/model/index.ts';
import { ProblemError } from './problem.ts';

type Labels = Readonly<Record<string, string>>;
export type Selects = (labels: Labels) => boolean;

const term = /^\s*(?:(!)\s*)?([^\s=!,()]+)\s*(?:(==?|!=)\s*([^\s=!,()]*)|\s(in|notin)\s*\(([^()]*)\))?\s*$/;

/**
 * A label selector by the syntax of Kubernetes: terms joined by commas, all of which must hold: `app=web`, `app==web`, `app!=web`,
 * `app in (a, b)`, `app notin (a)`, `app`, `!app`. What an absent label is not, it is not equal to.
 */
export function selectorOf(text: string): Selects {
  if (text.trim() === '') return () => true;
  const terms = splitTerms(text).map(parseTerm);
  return (labels) => terms.every((holds) => holds(labels));
}

/** Commas inside parentheses separate values, not terms. */
const splitTerms = (text: string): readonly string[] => text.split(/,(?![^(]*\))/);

function parseTerm(text: string): Selects {
  const parts = term.exec(text);
  const key = parts?.[2];
  if (!parts || key === undefined || !isLabelKey(key)) throw malformed(text);
  const [, not, , operator, value, setOperator, list] = parts;
  if (operator === undefined && setOperator === undefined) return (labels) => Object.hasOwn(labels, key) !== (not === '!');
  const values = operator === undefined ? (list ?? '').split(',').map((each) => each.trim()) : [value ?? ''];
  if (not !== undefined || !values.every(isLabelValue)) throw malformed(text);
  const wanted = operator !== '!=' && setOperator !== 'notin';
  return (labels) => (Object.hasOwn(labels, key) && values.includes(labels[key] ?? '')) === wanted;
}

function malformed(text: string): ProblemError {
  const detail = `"${text.trim()}" is no selector term such as app=web, app!=web, app in (a,b), app or !app`;
  return new ProblemError('malformed', detail, { errors: [{ pointer: '/labelSelector', detail, in: 'query' }] });
}
