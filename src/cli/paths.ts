import { collectionPath, type KindPath } from '../api/schema/kinds.ts';

/** What users typed goes into a path only encoded. */
export function listPath(kindPath: KindPath, tenant: string | undefined): string {
  return collectionPath(kindPath, kindPath.scope === 'platform' || tenant === undefined ? undefined : encodeURIComponent(tenant));
}

export function itemPath(kindPath: KindPath, tenant: string | undefined, name: string): string {
  return `${listPath(kindPath, tenant)}/${encodeURIComponent(name)}`;
}
