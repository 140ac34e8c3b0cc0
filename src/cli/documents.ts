import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { parseAllDocuments } from 'yaml';
import { kindPaths } from '../api/schema/kinds.ts';
import { reasonOf, WeirError } from '../base/errors.ts';

/** A document and where it stands, for people who look for a mistake in it. */
export interface FoundDocument {
  readonly value: unknown;
  readonly file: string;
  /** From 1. */
  readonly number: number;
}

const extensions = ['.yaml', '.yml', '.json'];

/** `-` is standard input; a directory gives its files by name, not those of directories inside it. */
export async function readDocuments(sources: readonly string[], stdin: Readable): Promise<readonly FoundDocument[]> {
  const found: FoundDocument[] = [];
  for (const source of sources) {
    if (source === '-') found.push(...parseDocuments(await readAll(stdin), 'standard input'));
    else for (const file of filesOf(source)) found.push(...parseDocuments(readText(file), file));
  }
  if (found.length === 0) throw new WeirError('nothing-to-do', `no document in ${sources.join(', ')}`);
  return found;
}

function filesOf(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).filter((name) => extensions.some((extension) => name.endsWith(extension)));
    return names.sort().map((name) => join(path, name));
  } catch (cause) {
    throw new WeirError('unreadable', `${path} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new WeirError('unreadable', reasonOf(cause), { cause });
  }
}

async function readAll(stdin: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

/** YAML, of which JSON is a part; a list at the top is as many documents. */
function parseDocuments(text: string, file: string): readonly FoundDocument[] {
  const parsed = parseAllDocuments(text, { schema: 'core', version: '1.2', logLevel: 'error' });
  const values = (Array.isArray(parsed) ? parsed : []).flatMap((document) => {
    const error = document.errors[0];
    if (error) throw new WeirError('unreadable', `${file}: ${error.message}`);
    const value = document.toJS() as unknown;
    if (value === null || value === undefined) return [];
    return Array.isArray(value) ? (value as readonly unknown[]) : [value];
  });
  return values.map((value, index) => ({ value, file, number: index + 1 }));
}

/** Gives a tenant to documents that can have one and name none. */
export function withTenant(value: unknown, tenant: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { kind, metadata } = value as { kind?: unknown; metadata?: object };
  const scope = kindPaths.find((each) => each.kind === kind)?.scope;
  if (scope === undefined || scope === 'platform') return value;
  return { ...value, metadata: { tenant, ...metadata } };
}
