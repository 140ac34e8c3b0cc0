import type { DocumentId } from '../../../policies/index.ts';

/** Whose policies are looked at: of the owners of what is written; of everybody (undefined), when the platform writes what policies are made of. */
export function ownersConcerned(documents: readonly DocumentId[]): ReadonlySet<string> | undefined {
  const isMatter = ({ kind, tenant }: DocumentId): boolean =>
    tenant === undefined && (kind === 'Policy' || kind === 'Group' || kind === 'Service');
  return documents.some(isMatter) ? undefined : new Set(documents.flatMap(({ tenant }) => tenant ?? []));
}
