import { Type } from 'typebox';
import { schemas } from '../../policies/model/schema/resource.ts';
import type { Snapshot, Write } from '../admission/index.ts';
import type { Api } from './app.ts';
import type { Caller } from './caller.ts';
import { field, mayWrite } from './permission.ts';
import { ProblemError } from './problem.ts';
import { YamlReader } from './yaml-reader.ts';

/** Many documents in one body: a JSON array or a YAML stream. */

/** YAML takes much longer to parse than JSON, and nobody writes this much by hand. */
const yamlBytesMax = 4 * 1024 * 1024;
const documentsMax = 100_000;

export const Documents = Type.Array(Type.Union(Object.values(schemas)), {
  maxItems: documentsMax,
  description: 'documents of any kind, each with `kind` and `metadata.name`',
});

/** Routes of this scope take YAML as well. */
export function acceptYaml(scope: Api): void {
  const yaml = new YamlReader();
  scope.addContentTypeParser(
    /^(application|text)\/(x-)?yaml(;|$)/,
    { parseAs: 'string', bodyLimit: yamlBytesMax },
    async (_request: unknown, body: string) => yaml.read(body),
  );
}

export function checkCount(documents: readonly unknown[]): void {
  if (documents.length > documentsMax) {
    throw new ProblemError('too-large', `${documents.length} documents are more than the ${documentsMax} of one request`);
  }
}

/**
 * Documents as writes. `tenant`: whose those are that name none. A tenant's token writes its own alone.
 * @param base pointer to the list in the body
 */
export function writesOf(
  documents: readonly unknown[],
  {
    caller,
    tenant,
    snapshot,
    base,
  }: { readonly caller: Caller; readonly tenant?: string | undefined; readonly snapshot: Snapshot; readonly base: string },
): readonly Write[] {
  const own = caller.role === 'tenant' ? caller.tenant : undefined;
  return documents.map((raw: unknown, index) => {
    const pointer = `${base}/${index}`;
    mayWrite(caller, raw, { kind: field(raw, 'kind'), name: field(field(raw, 'metadata'), 'name') }, snapshot, pointer);
    return { verb: 'apply', raw, pointer, defaultTenant: tenant ?? own, confinedTo: own };
  });
}
