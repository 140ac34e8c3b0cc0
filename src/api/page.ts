import { createHash } from 'node:crypto';
import type { Document, Kind } from '../../policies/model/index.ts';
import { documentKey, type Stored } from '../admission/index.ts';
import { ProblemError } from './problem.ts';
import type { Records } from './ports.ts';

export interface PageRequest {
  readonly kind: Kind;
  /** Undefined: the platform's own. */
  readonly tenant: string | undefined;
  readonly limit: number;
  /** Text of the selector, as far as pages of one list must agree on it. */
  readonly selector: string;
  readonly selects: (document: Document) => boolean;
  readonly token: string | undefined;
}

export interface Page {
  readonly items: readonly Stored[];
  readonly token: string | undefined;
  readonly revision: number;
}

const scanMax = 1000;

/** All pages of a list show the store as it was when the first was read: the token holds that revision. */
export async function readPage(store: Records, request: PageRequest): Promise<Page> {
  const start = documentKey(request.kind, request.tenant, '');
  const resumed = request.token === undefined ? undefined : parseToken(request.token, request, store.revision);
  let cursor = resumed ? `${start}${resumed.after}\0` : start;
  // This member has what the request may ask for: it need not ask the others again.
  const at = resumed?.at ?? store.revision;
  const items: Stored[] = [];
  for (;;) {
    const { entries, more } = await store.range({
      start: cursor,
      end: `${start.slice(0, -1)}0`,
      limit: scanMax,
      at,
    });
    for (const entry of entries) {
      const document = JSON.parse(entry.value) as Document;
      if (!request.selects(document)) continue;
      if (items.length === request.limit) {
        const after = items[items.length - 1]?.document.metadata.name ?? '';
        return { items, token: formatToken({ at, after }, request), revision: at };
      }
      items.push({ document, revision: entry.modRevision });
    }
    const last = entries[entries.length - 1];
    if (!more || !last) return { items, token: undefined, revision: at };
    cursor = `${last.key}\0`;
  }
}

interface Position {
  readonly at: number;
  /** Name of the last item given. */
  readonly after: string;
}

/** Tokens of one list do not fit another: the query is a part of them. */
function queryHash(request: PageRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([request.kind, request.tenant ?? null, request.selector]))
    .digest('base64url')
    .slice(0, 11);
}

function formatToken(position: Position, request: PageRequest): string {
  return Buffer.from(`${position.at}.${position.after}.${queryHash(request)}`).toString('base64url');
}

function parseToken(token: string, request: PageRequest, newest: number): Position {
  const parts = /^(\d{1,15})\.([a-z0-9-]{1,63})\.([\w-]{11})$/.exec(Buffer.from(token, 'base64url').toString('latin1'));
  if (!parts || parts[3] !== queryHash(request) || Number(parts[1]) > newest) {
    throw new ProblemError('malformed', 'the continue token is none of this list', {
      errors: [{ pointer: '/continue', detail: 'is no token of this list', in: 'query' }],
    });
  }
  return { at: Number(parts[1]), after: parts[2] ?? '' };
}
