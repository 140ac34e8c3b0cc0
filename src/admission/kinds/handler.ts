import type { Kind, SpecOf, WantedOf } from '../../../policies/model/index.ts';
import type { Draft } from '../draft.ts';
import type { DocumentOfKind } from '../keys.ts';

/** What admission does for a kind, beyond what it does for every document. Absent parts: nothing. */
export interface Handler<K extends Kind> {
  /** Gives up what the document has now and will not keep, before any document of the request takes anything. */
  readonly release?: (draft: Draft, wanted: WantedOf<K>, before: DocumentOfKind<K>) => void;
  /** The spec to store: what the user left open is kept from before or allocated. */
  readonly resolve: (draft: Draft, wanted: WantedOf<K>, before: DocumentOfKind<K> | undefined) => SpecOf<K>;
  /** Numbers, and what has to hold of other documents. The document is in place (or gone) when it is called. */
  readonly changed?: (draft: Draft, before: DocumentOfKind<K> | undefined, after: DocumentOfKind<K> | undefined) => void;
}
