import { WeirError } from '../../src/base/errors.ts';
import type { Revision } from './port.ts';

/** The revision asked for is older than the versions that are kept. Start again from a current read. */
export class CompactedError extends WeirError {
  readonly compactedRevision: Revision;

  constructor(asked: Revision, compactedRevision: Revision) {
    super('compacted', `revision ${asked} is compacted: versions are kept from revision ${compactedRevision} on`);
    this.compactedRevision = compactedRevision;
  }
}

export const closedError = (): WeirError => new WeirError('store-closed', 'the store is closed');
