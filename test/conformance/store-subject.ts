import { setTimeout as pause } from 'node:timers/promises';
import type { Commit, Operation, Store, Transaction } from '../../cluster/index.ts';
import type { Clock } from '../../src/base/clock.ts';

/** One store to be tested, on a clock that the suite turns. */
export interface StoreUnderTest {
  readonly store: Store;
  /** What the suite relies on: old versions are gone soon after the wall clock has passed it. */
  readonly retentionMs: number;
  /** Turns the wall clock of the store. */
  readonly advance: (ms: number) => void;
  readonly wallMs: () => number;
  /** Closes the store and opens it again with what it holds. */
  reopen(): Promise<Store>;
  dispose(): Promise<void>;
}

/** What an implementation gives to be tested. */
export interface Openable {
  readonly retentionMs: number;
  /** The store on what it holds, by the clock that the suite turns. */
  readonly open: (clock: Clock) => Promise<Store>;
  /** What remains once the store that was opened last is closed: the others of its cluster, its directory. */
  readonly dispose: () => Promise<void>;
}

/** On a wall clock of its own. */
export async function storeUnderTest({ retentionMs, open, dispose }: Openable): Promise<StoreUnderTest> {
  let wallMs = 1_750_000_000_000;
  const clock = { wallMs: () => wallMs, nowMs: () => performance.now() };
  let store = await open(clock);
  return {
    get store() {
      return store;
    },
    retentionMs,
    advance: (ms) => {
      wallMs += ms;
    },
    wallMs: () => wallMs,
    reopen: async () => {
      await store.close();
      store = await open(clock);
      return store;
    },
    dispose: async () => {
      await store.close();
      await dispose();
    },
  };
}

export const all = { start: '', end: '\u{10ffff}' };

export function put(key: string, value: string): Operation {
  return { kind: 'put', key, value };
}

export function remove(key: string): Operation {
  return { kind: 'delete', key };
}

export function writing(...operations: Operation[]): Transaction {
  return { compares: [], operations };
}

/** Collects what a watch tells, and checks on the way that nothing is left out or told twice. */
export class Collector {
  readonly commits: Commit[] = [];
  readonly ends: string[] = [];
  #next: number;

  constructor(since: number) {
    this.#next = since + 1;
  }

  readonly onCommits = (commits: readonly Commit[]): void => {
    if (commits.length === 0) throw new Error('a call without commits');
    for (const { revision } of commits) {
      if (revision !== this.#next) throw new Error(`revision ${revision} was told where ${this.#next} is due`);
      this.#next++;
    }
    this.commits.push(...commits);
  };

  readonly onEnd = (error: { code: string }): void => {
    this.ends.push(error.code);
  };

  async reached(revision: number): Promise<void> {
    while (this.#next <= revision) await pause(1);
  }
}
