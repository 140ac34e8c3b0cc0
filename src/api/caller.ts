import { createHash, timingSafeEqual } from 'node:crypto';
import type { Token } from './ports.ts';

/** Who asks. `name` is for logs and limits and is never the secret. */
export type Caller = { readonly name: string } & (
  | { readonly role: 'platform' | 'compute' }
  | { readonly role: 'tenant'; readonly tenant: string }
);

export type Role = Caller['role'];

/** What a route is for. Each route declares one of these. */
export type Access =
  /** Nothing that belongs to anybody: health, the API's description. */
  | 'open'
  /** Answers to each what it may see: apply, watch, the list of tenants. */
  | 'own'
  | 'tenant-read'
  | 'tenant-write'
  | 'vm-write'
  | 'vm-verb'
  | 'platform-read'
  | 'platform-write';

/** A tenant's token reaches its own tenant's paths only, whatever stands here. */
const allowed: Readonly<Record<Access, readonly Role[]>> = {
  open: ['platform', 'compute', 'tenant'],
  own: ['platform', 'compute', 'tenant'],
  'tenant-read': ['platform', 'compute', 'tenant'],
  'tenant-write': ['platform', 'tenant'],
  'vm-write': ['platform', 'compute', 'tenant'],
  'vm-verb': ['platform', 'compute'],
  'platform-read': ['platform', 'compute'],
  'platform-write': ['platform'],
};

export const mayUse = (role: Role, access: Access): boolean => allowed[access].includes(role);

const bearer = /^Bearer +([^\s]+)$/i;

/**
 * The caller that an Authorization header proves, or undefined. Every token is compared, by hash and in constant time,
 * so that the time of an answer says nothing about a secret.
 */
export function authenticate(header: string | undefined, tokens: readonly Token[]): Caller | undefined {
  const secret = bearer.exec(header ?? '')?.[1];
  if (secret === undefined) return undefined;
  const digest = createHash('sha256').update(secret).digest();
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(digest, token.sha256)) found = token;
  if (!found) return undefined;
  return found.role === 'tenant' ? { name: found.name, role: found.role, tenant: found.tenant } : { name: found.name, role: found.role };
}
