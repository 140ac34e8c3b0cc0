import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import type { LogIndex } from '../raft/types.ts';
import type { IndexHost } from '../storage/host.ts';
import type { EntryLog } from '../storage/log.ts';
import type { Revision } from './port.ts';

export interface RetentionOptions {
  readonly log: EntryLog;
  readonly host: IndexHost;
  readonly clock: Clock;
  readonly retentionMs: number;
  readonly intervalMs: number;
  /** No version that it or a later commit replaced is removed. */
  readonly neededFrom: () => Revision;
  /** Entries up to the index are no longer in the log. */
  readonly onDropped: (index: LogIndex) => void;
  /** What was not removed is tried again. */
  readonly onFailed: (error: unknown) => void;
}

/** What one slice removes at most, and how long the loop is left alone after it. */
const sliceVersions = 500;
const slicePauseMs = 2;
const pageBytes = 64 * 1024;

/**
 * Removes versions that nobody can ask for any more. The log tells which ones they are, in the order of their revisions, so the work
 * is proportional to what is removed. Reads below the new limit are refused first; versions go in slices; segments of
 * the log go last, once the index no longer depends on them.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    }, options.intervalMs).unref();
  }

  /** Resolves after the slice that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { host, onFailed } = this.#options;
    if (host.isDown) return;
    const { index } = host;
    try {
      await this.#compact();
    } catch (error) {
      // Opening the index again interrupts a run; the next one goes on where it was.
      if (!this.#stopped && !host.isDown && host.index === index) onFailed(error);
    }
  }

  async #compact(): Promise<void> {
    const { log, host, clock, retentionMs, neededFrom, onDropped } = this.#options;
    const reached = await log.revisionAt(clock.wallMs() - retentionMs, host.applied);
    if (reached === undefined || host.isDown) return;
    const { applied } = host.index;
    await host.index.settled();
    const target = Math.min(reached, applied, neededFrom());
    if (target > host.index.compacted) await host.index.refuseBelow(target);
    while (host.index.swept < host.index.compacted && !this.#stopped) await this.#sweepPage();
    if (this.#stopped || !log.hasBefore(host.index.swept + 1)) return;
    const { swept } = host.index;
    await host.index.flush();
    onDropped(await log.dropBefore(swept + 1));
  }

  async #sweepPage(): Promise<void> {
    const { log, host } = this.#options;
    const { index } = host;
    const commits = await log.read(index.swept + 1, index.compacted, pageBytes);
    const versions = commits.flatMap(({ revision, changes }) =>
      changes.filter(({ beforeRevision }) => beforeRevision > 0).map(({ key }) => ({ key, replacedAt: revision })),
    );
    for (let at = 0; at < versions.length; at += sliceVersions) {
      await index.sweep(versions.slice(at, at + sliceVersions));
      await pause(slicePauseMs);
    }
    await index.noteSwept(commits.at(-1)?.revision ?? index.compacted);
  }
}
