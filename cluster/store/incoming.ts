import { assert, WeirError } from '../../src/base/errors.ts';
import type { RaftNode } from '../node/node.ts';
import type { MemberId, SnapshotMark } from '../raft/types.ts';
import type { IndexHost } from '../storage/host.ts';
import type { EntryLog } from '../storage/log.ts';
import type { SegmentBase } from '../storage/segment.ts';
import type { SnapshotDirectory } from '../storage/snapshot.ts';
import type { SnapshotOffer } from '../transport/port.ts';

export interface IncomingSnapshotsOptions {
  readonly id: MemberId;
  readonly log: EntryLog;
  readonly host: IndexHost;
  readonly directory: SnapshotDirectory;
  readonly node: RaftNode;
  /** Log and index are of another state. */
  readonly onInstalled: () => void;
}

interface Incoming {
  readonly base: SegmentBase;
  /** Once all of it is there; a disk that fails before that concerns nobody who waits. */
  installed: PromiseWithResolvers<void> | undefined;
}

/**
 * The leader's state on its way into the place of this member's, one at a time: received → taken by consensus → staged → in its place.
 * One that was staged when the disk failed is finished when that is there again.
 */
export class IncomingSnapshots {
  readonly #options: IncomingSnapshotsOptions;
  #incoming: Incoming | undefined;

  constructor(options: IncomingSnapshotsOptions) {
    this.#options = options;
  }

  /** Settles once it is in place, or was not wanted. */
  async receive(from: MemberId, { term, base }: SnapshotOffer, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { id, directory, node } = this.#options;
    if (this.#incoming !== undefined) throw new WeirError('store-busy', 'a snapshot is being received');
    // What was received before may be staged, and must stay.
    if (node.isSuspended) throw new WeirError('store-busy', 'this member waits for its disk');
    const incoming: Incoming = { base, installed: undefined };
    this.#incoming = incoming;
    try {
      await directory.receive(chunks);
      const installed = Promise.withResolvers<void>();
      incoming.installed = installed;
      const { index, membership } = base;
      node.receive({ kind: 'snapshot', from, to: id, term, mark: { index, term: base.term, membership } });
      if (node.isInstalling(index)) await installed.promise;
    } finally {
      this.#incoming = undefined;
    }
  }

  /** Consensus has taken it. */
  async install(mark: SnapshotMark): Promise<void> {
    const incoming = this.#incoming;
    assert(incoming?.base.index === mark.index, 'what is installed was received');
    await this.#options.directory.stage(incoming.base);
    await this.#place(incoming.base);
    incoming.installed?.resolve();
  }

  /** The disk takes nothing. */
  fail(error: WeirError): void {
    this.#incoming?.installed?.reject(error);
  }

  /** One that was staged when the disk failed takes its place now. Resolves with whether there was one. */
  async finish(): Promise<boolean> {
    const { directory, log, node } = this.#options;
    // Without a failure its installation is still under way.
    const base = node.isSuspended ? await directory.staged() : undefined;
    if (base === undefined) return false;
    await log.reopenAt(base);
    await this.#place(base);
    return true;
  }

  async #place(base: SegmentBase): Promise<void> {
    const { directory, log, host, onInstalled } = this.#options;
    await host.replace(() => directory.install(base, log));
    onInstalled();
  }
}
