import type { Document, Kind } from '../model/kinds.ts';

type DocumentOfKind<K extends Kind> = Extract<Document, { kind: K }>;

/** The documents at one revision. `tenant` is undefined for Tenant, Host and what belongs to the platform. */
export interface World {
  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): { readonly document: DocumentOfKind<K> } | undefined;
  /** All of a kind, or those of one tenant. Null: the platform's own. */
  list<K extends Kind>(kind: K, tenant?: string | null): Iterable<{ readonly document: DocumentOfKind<K> }>;
}

export type VmDocument = DocumentOfKind<'Vm'>;
export type GroupDocument = DocumentOfKind<'Group'>;
export type PolicyDocument = DocumentOfKind<'Policy'>;
