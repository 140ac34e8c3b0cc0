import { DecodeError, reasonOf, WeirError } from '../../src/base/errors.ts';
import { CorruptionError } from '../storage/corruption.ts';
import { decodeGroup } from '../storage/group.ts';
import { indexedCommits } from '../storage/replay.ts';
import type { IndexedCommit } from '../storage/indexed-commit.ts';
import { CompactedError } from '../store/errors.ts';
import { commitOf, loggedCommit } from '../store/pending.ts';
import type { Commit, Revision } from '../store/port.ts';
import type { EtcdBase } from './base.ts';
import type { BaseState, Head } from './layout.ts';
import type { EtcdLog, LogRecord } from './log.ts';
import type { Replica } from './replica.ts';

export interface HistoryOptions {
  readonly log: EtcdLog;
  readonly base: EtcdBase;
  readonly replica: Replica;
}

/** Commits that were applied, made when somebody wants them. */
export type OnApplied = (commits: () => readonly Commit[]) => void;

interface Followed {
  /** When the replica is as far as etcd. */
  readonly head: Head | undefined;
  /** Commits were left out on the way. */
  readonly isReplaced: boolean;
}

/** Of records that are applied together. */
const applyBytesMax = 4 * 1024 * 1024;
const loadAttempts = 3;

/** The way of commits from etcd into the replica, and to those who ask for the past. */
export class History {
  readonly #options: HistoryOptions;
  /** The replica was found to be a state of this history. */
  #isVerified = false;
  #needsReopening = false;
  #state: BaseState = { compacted: 0, wallMs: 0, folded: 0, modRevision: '0' };

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** As it was last seen. */
  get state(): BaseState {
    return this.#state;
  }

  /** One page of records goes into the replica; or a state in the place of its own, when the records that it lacks are no longer kept. */
  async follow(onApplied: OnApplied): Promise<Followed> {
    const { log, replica } = this.#options;
    if (this.#needsReopening) await this.#reopen();
    if (!this.#isVerified && !(await this.#isOfThisHistory())) return this.#replace();
    this.#isVerified = true;
    const { head, state, records } = await log.page(replica.applied);
    this.#state = state;
    if (head.revision < replica.applied) throw setBack(head.revision, replica.applied);
    if (head.revision === replica.applied) return { head, isReplaced: false };
    if (records.length === 0) return this.#replace();
    try {
      if (!(await this.#take(records, onApplied))) return await this.#replace();
    } catch (error) {
      if (error instanceof CorruptionError) return this.#replace();
      throw error;
    }
    return { head: head.revision === replica.applied ? head : undefined, isReplaced: false };
  }

  /** Whether all of them follow and are still kept. */
  async #take(records: readonly LogRecord[], onApplied: OnApplied): Promise<boolean> {
    const { log } = this.#options;
    let payloads: Buffer[] = [];
    let bytes = 0;
    for (const record of records) {
      const payload = await log.payloadOf(record);
      if (payload === undefined) return false;
      payloads.push(payload);
      bytes += payload.length;
      if (bytes > applyBytesMax || record === records.at(-1)) {
        if (!(await this.#applyPayloads(payloads, onApplied))) return false;
        payloads = [];
        bytes = 0;
      }
    }
    return true;
  }

  async #applyPayloads(payloads: readonly Buffer[], onApplied: OnApplied): Promise<boolean> {
    const { index } = this.#options.replica;
    const entries = payloads.map((payload) => ({ kind: 'command' as const, index: 0, term: 0, payload }));
    let commits: IndexedCommit[];
    try {
      if (firstRevisionOf(payloads[0]) !== index.applied + 1) return false;
      commits = indexedCommits(index, entries);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new WeirError('store-corrupt', `a record in etcd is damaged: ${error.message}`, { cause: error });
    }
    await this.apply(commits, onApplied);
    return true;
  }

  /** They are in etcd already: when the disk of this member fails, they are read again. */
  async apply(commits: readonly IndexedCommit[], onApplied: OnApplied): Promise<void> {
    try {
      await this.#options.replica.apply(commits);
    } catch (error) {
      this.#needsReopening = true;
      throw new WeirError('unknown-outcome', `kept by etcd, but not yet readable here: ${reasonOf(error)}`, { cause: error });
    }
    onApplied(() => commits.map(commitOf));
  }

  async #reopen(): Promise<void> {
    try {
      await this.#options.replica.reopen();
    } catch (error) {
      throw new WeirError('store-failed', `the copy of this member cannot be opened: ${reasonOf(error)}`, { cause: error });
    }
    this.#needsReopening = false;
  }

  /** A replica of another store, or of this one before it was set back, must not go on. */
  async #isOfThisHistory(): Promise<boolean> {
    const { log, replica } = this.#options;
    const { applied } = replica;
    if (applied === 0) return true;
    const name = await log.nameFrom(applied);
    return name?.revision === applied && replica.index.committedAt(name.id) === applied;
  }

  async #replace(): Promise<Followed> {
    const { base, replica } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        await replica.replace(await base.load());
        break;
      } catch (error) {
        if (attempt === loadAttempts) throw error;
      }
    }
    this.#isVerified = true;
    return { head: undefined, isReplaced: true };
  }

  /** Some of the commits behind `position`, none behind `upTo`. */
  async after(position: Revision, upTo: Revision): Promise<readonly Commit[]> {
    const { log, replica } = this.#options;
    const { records, state } = await log.page(position);
    const commits: Commit[] = [];
    let bytes = 0;
    for (const record of records) {
      if (record.revision > upTo || bytes > applyBytesMax) break;
      const payload = await log.payloadOf(record);
      if (payload === undefined) break;
      bytes += payload.length;
      const { firstRevision, wallMs, commits: logged } = decodeGroup(payload);
      const numbered = logged.map(({ changes }, at) => ({ revision: firstRevision + at, wallMs, changes }));
      const due = numbered.filter(({ revision }) => revision > position);
      commits.push(...(await replica.read(async (index) => due.map((commit) => loggedCommit(commit, index)))));
    }
    if (commits[0]?.revision !== position + 1) throw new CompactedError(position, state.compacted);
    return commits;
  }

  async revisionAt(wallMs: number, upTo: Revision): Promise<Revision> {
    const { log } = this.#options;
    const { state } = await log.page(upTo);
    const found = await log.lastNameAt(wallMs, state.folded + 1, upTo);
    if (found !== undefined && found.revision >= state.compacted) return found.revision;
    if (state.compacted > 0 && wallMs < state.wallMs) throw new CompactedError(found?.revision ?? 0, state.compacted);
    return state.compacted;
  }
}

export function setBack(found: Revision, seen: Revision): WeirError {
  return new WeirError(
    'store-failed',
    `etcd is at revision ${found} where this member has seen ${seen}: was it restored? Start all members again`,
  );
}

function firstRevisionOf(payload: Buffer | undefined): Revision {
  return payload === undefined ? 0 : decodeGroup(payload).firstRevision;
}
