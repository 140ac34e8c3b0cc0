import { presentSpec } from '../../policies/model/index.ts';
import type { Document, Kind } from '../../policies/model/index.ts';
import type { Revision } from '../../cluster/index.ts';

/** A resource as users see it. */
export interface Resource {
  readonly kind: Kind;
  readonly metadata: {
    readonly name: string;
    readonly tenant?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly ownedBy?: { readonly kind: 'Intent'; readonly name: string };
    readonly uid: string;
    readonly revision: Revision;
    readonly createdAt: string;
  };
  readonly spec: unknown;
  /** What is in effect. Never stored. */
  readonly status?: unknown;
}

export function present(stored: { readonly document: Document; readonly revision: Revision }, status?: unknown): Resource {
  const { kind, metadata } = stored.document;
  return {
    kind,
    metadata: {
      name: metadata.name,
      ...(metadata.tenant === undefined ? {} : { tenant: metadata.tenant }),
      labels: metadata.labels,
      ...(metadata.ownedBy === undefined ? {} : { ownedBy: metadata.ownedBy }),
      uid: metadata.uid,
      revision: stored.revision,
      createdAt: metadata.createdAt,
    },
    spec: presentSpec(stored.document),
    ...(status === undefined ? {} : { status }),
  };
}
