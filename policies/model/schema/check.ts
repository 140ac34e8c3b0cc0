import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import type { Kind } from '../kinds.ts';
import { pointerStep } from '../issue.ts';
import type { Issue, Parsed } from '../issue.ts';
import { schemas } from './resource.ts';
import type { RawResource } from './resource.ts';

/** Enough to tell of every mistake in a document written by hand; the rest of a garbled one tells nothing more. */
Settings.Set({ maxErrors: 256 });

interface SchemaError {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message: string;
}

interface Validator {
  Check(value: unknown): boolean;
  Errors(value: unknown): readonly SchemaError[];
}

const validators = Object.fromEntries(
  Object.entries(schemas).map(([kind, schema]) => [kind, Compile(schema as TSchema)]),
) as unknown as Record<Kind, Validator>;

/** Whether a value has the shape of a resource of the kind, or every place where it has not. */
export function checkShape<K extends Kind>(kind: K, raw: unknown): Parsed<RawResource<K>> {
  const validator = validators[kind];
  if (validator.Check(raw)) return { ok: true, value: raw as RawResource<K> };
  if (!isTellable(raw)) {
    return {
      ok: false,
      issues: [{ code: 'malformed', pointer: '', detail: `has more than ${valuesMax} values, not all as they should be` }],
    };
  }
  return { ok: false, issues: translate(schemas[kind], validator.Errors(raw)) };
}

/** To find all mistakes every value is looked at, many times over; no document that somebody means has more values than this. */
const valuesMax = 200_000;

function isTellable(raw: unknown): boolean {
  let values = 0;
  const rest: unknown[] = [raw];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value !== 'object' || value === null) continue;
    const inside: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
    values += inside.length;
    if (values > valuesMax) return false;
    for (const each of inside) rest.push(each);
  }
  return true;
}

/**
 * The library reports every failed keyword, those of each branch of a union included. A union becomes one finding:
 * that of the branch the value was meant for (the only one whose type fits), else what the union wants as a whole.
 */
function translate(schema: TSchema, errors: readonly SchemaError[]): readonly Issue[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf');
  const issues: Issue[] = [];
  for (const error of errors) {
    // Its members are reported one by one, as "boolean".
    if (error.keyword === 'additionalProperties') continue;
    const union = unions.find(
      (candidate) => error !== candidate && error.schemaPath.startsWith(`${candidate.schemaPath}/anyOf/`) && within(error, candidate),
    );
    if (union !== undefined && branchMeant(union, errors) !== branchOf(error, union)) continue;
    if (error.keyword === 'anyOf' && branchMeant(error, errors) !== undefined) continue;
    issues.push(...issuesOf(schema, error));
  }
  return issues;
}

function issuesOf(schema: TSchema, error: SchemaError): readonly Issue[] {
  if (error.keyword === 'boolean') return [{ code: 'unknown-field', pointer: error.instancePath, detail: 'is no known field' }];
  if (error.keyword === 'required') {
    const names = error.params['requiredProperties'] as readonly string[];
    return names.map((name) => ({ code: 'malformed', pointer: error.instancePath + pointerStep(name), detail: 'is required' }));
  }
  return [{ code: 'malformed', pointer: error.instancePath, detail: detailOf(schema, error) }];
}

/** What the schema says that the value must be, else the library's own words. */
function detailOf(schema: TSchema, error: SchemaError): string {
  if (!['pattern', 'enum', 'const', 'anyOf'].includes(error.keyword)) return error.message;
  const description = descriptionAt(schema, error.schemaPath);
  return description === undefined ? error.message : `must be ${description}`;
}

function descriptionAt(schema: TSchema, schemaPath: string): string | undefined {
  let node: unknown = schema;
  for (const step of schemaPath.split('/').slice(1)) {
    node = (node as Record<string, unknown> | undefined)?.[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  const description = (node as { description?: unknown } | undefined)?.description;
  return typeof description === 'string' ? description : undefined;
}

const within = (error: SchemaError, outer: SchemaError): boolean =>
  error.instancePath === outer.instancePath || error.instancePath.startsWith(`${outer.instancePath}/`);

const branchOf = (error: SchemaError, union: SchemaError): string | undefined =>
  error.schemaPath.slice(`${union.schemaPath}/anyOf/`.length).split('/')[0];

/** The branch of a union whose failures are all inside the value or about its content, not about its type. */
function branchMeant(union: SchemaError, errors: readonly SchemaError[]): string | undefined {
  const typed = new Map<string, boolean>();
  for (const error of errors) {
    if (!error.schemaPath.startsWith(`${union.schemaPath}/anyOf/`) || !within(error, union)) continue;
    const branch = branchOf(error, union) ?? '';
    const wrongType = error.instancePath === union.instancePath && (error.keyword === 'type' || error.keyword === 'const');
    typed.set(branch, (typed.get(branch) ?? true) && !wrongType);
  }
  const meant = [...typed].filter(([, fits]) => fits).map(([branch]) => branch);
  return meant.length === 1 ? meant[0] : undefined;
}
