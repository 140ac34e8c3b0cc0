import type { Kind } from '../model/kinds.ts';
import type { PolicyNumbers, RouterNumbers, TenantNumbers, VmNumbers } from '../model/stored.ts';
import type { World } from '../selectors/index.ts';

/** What the graph reads: the documents and their numbers at one revision. */
export interface Documents extends World {
  tenantNumbers(tenant: string): TenantNumbers | undefined;
  routerNumbers(tenant: string | undefined, name: string): RouterNumbers | undefined;
  policyNumbers(tenant: string | undefined, name: string): PolicyNumbers | undefined;
  vmNumbers(tenant: string, name: string): VmNumbers | undefined;
}

export interface DocumentId {
  readonly kind: Kind;
  readonly tenant: string | undefined;
  readonly name: string;
}

/** What a commit touched: documents and numbers that were put or deleted. Naming more than that costs time, nothing else. */
export interface Change {
  readonly documents: readonly { readonly id: DocumentId }[];
  readonly numbers: readonly DocumentId[];
}
