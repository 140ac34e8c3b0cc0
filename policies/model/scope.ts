/**
 * Names across scopes. A document of a tenant names its own things by `NAME`, the platform's by `platform/NAME` and
 * another tenant's by `TENANT/NAME`. The platform's documents name the platform's things by `NAME`.
 */
export const platformScope = 'platform';

export interface Scoped {
  /** Undefined: the platform's. */
  readonly tenant: string | undefined;
  readonly name: string;
}

/** What a name means in a document of `owner` (undefined: the platform). */
export function resolveName(owner: string | undefined, name: string): Scoped {
  const slash = name.indexOf('/');
  if (slash < 0) return { tenant: owner, name };
  const scope = name.slice(0, slash);
  return { tenant: scope === platformScope ? undefined : scope, name: name.slice(slash + 1) };
}

/** The shortest name by which a document of `owner` means a thing: the inverse of `resolveName`. */
export function nameFrom(owner: string | undefined, scoped: Scoped): string {
  return scoped.tenant === owner ? scoped.name : `${scoped.tenant ?? platformScope}/${scoped.name}`;
}

/** The group that a peer means in a policy of `owner`; `tenant` is the peer's own field, of platform policies only. */
export function resolveGroup(owner: string | undefined, group: string, tenant?: string): Scoped {
  return tenant === undefined ? resolveName(owner, group) : { tenant, name: group };
}

/** The key of a group in `TenantNumbers.groups` of the tenant whose rules look at it. */
export function groupKeyOf(viewer: string, group: Scoped): string {
  return nameFrom(viewer, group);
}
