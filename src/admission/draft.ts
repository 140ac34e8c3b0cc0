import { isDeepStrictEqual } from 'node:util';
import type { Revision } from '../../cluster/index.ts';
import type { Random } from '../base/random.ts';
import type { OwnedDocument } from '../../policies/intents/index.ts';
import type { Document } from '../../policies/model/index.ts';
import { AdmissionError } from './error.ts';
import type { Finding } from './error.ts';
import type { Tally } from './indexes/tallies.ts';
import { keyOf, partsOf, scopeOf } from './keys.ts';
import type { Key, Scope } from './keys.ts';
import type { ResourceId } from './ports.ts';
import type { Cell } from './records.ts';
import type { Working } from './working.ts';

export interface DraftChange {
  readonly key: Key;
  readonly before: Cell | undefined;
  readonly after: Cell | undefined;
  /** Of the document that was being carried out when the key was written first. */
  readonly pointer: string;
}

/**
 * One transaction in the making. It writes to the working state at once, so that what comes later in the same request
 * sees it, and remembers what was there, so that a refused request leaves nothing behind.
 */
export class Draft {
  readonly working: Working;
  /** The revision that the transaction will have unless somebody else comes between. */
  readonly revision: Revision;
  readonly wallMs: number;
  readonly random: Random;
  /** Where the document at hand begins in what was sent. */
  pointer = '';
  /** Addresses by network that documents of this request ask for. */
  readonly reserved = new Map<Key, Set<string>>();
  /** What the intents of this request come to. */
  readonly compiled = new Map<Key, readonly OwnedDocument[]>();
  readonly #befores = new Map<Key, { readonly cell: Cell | undefined; readonly pointer: string }>();
  readonly #scopes = new Set<Scope>();
  readonly #tallies = new Map<string | undefined, Tally>();
  readonly #checks: { readonly pointer: string; readonly check: () => void }[] = [];

  constructor(working: Working, revision: Revision, wallMs: number, random: Random) {
    this.working = working;
    this.revision = revision;
    this.wallMs = wallMs;
    this.random = random;
  }

  value<T>(key: Key<T>): T | undefined {
    return this.working.value(key);
  }

  /** Undefined removes. Writing what was there before the draft takes the change back. */
  write<T>(key: Key<T>, value: T | undefined): void {
    const before = this.#noted(key);
    if (before !== undefined && value !== undefined && isDeepStrictEqual(before.value, value)) this.working.write(key, before);
    else this.working.write(key, value === undefined ? undefined : { value, revision: this.revision });
  }

  /** No other proposer's transaction in this scope may come between. Scopes of keys that are written need no saying. */
  touch(scope: Scope): void {
    this.#scopes.add(scope);
  }

  /** Checked when every document of the request is in place, so that their order does not matter. */
  defer(check: () => void): void {
    this.#checks.push({ pointer: this.pointer, check });
  }

  /** Before the first change to what an owner has: a tenant or, undefined, the platform. */
  weigh(owner: string | undefined): void {
    if (!this.#tallies.has(owner)) this.#tallies.set(owner, { ...this.working.tallies.of(owner) });
  }

  /** Owners that were weighed, with what they had before. */
  get weighed(): ReadonlyMap<string | undefined, Tally> {
    return this.#tallies;
  }

  /** Refusals of `work` point into what was sent, not into the document. */
  at<T>(pointer: string, work: () => T): T {
    this.pointer = pointer;
    try {
      return work();
    } catch (thrown) {
      throw thrown instanceof AdmissionError && pointer !== '' ? rebased(thrown, pointer) : thrown;
    } finally {
      this.pointer = '';
    }
  }

  /** To be run to its end. */
  *checking(): Generator<undefined, void> {
    for (const { pointer, check } of this.#checks) {
      this.at(pointer, check);
      yield;
    }
  }

  changes(): readonly DraftChange[] {
    const changes: DraftChange[] = [];
    for (const [key, { cell: before, pointer }] of this.#befores) {
      const after = this.working.cell(key);
      if (after !== before) changes.push({ key, before, after, pointer });
    }
    return changes;
  }

  scopes(changes: readonly DraftChange[]): ReadonlySet<Scope> {
    return new Set([...this.#scopes, ...changes.map(({ key }) => scopeOf(key))]);
  }

  rollback(): void {
    for (const [key, { cell }] of this.#befores) this.working.write(key, cell);
    this.#befores.clear();
  }

  /** The ids of documents that name this one, in order. */
  usersOf(key: Key): readonly ResourceId[] {
    return [...this.working.users.of(key)].toSorted().map(idOf);
  }

  document(key: Key): Document | undefined {
    return this.working.value(key as Key<Document>);
  }

  before(id: ResourceId): Cell<Document> | undefined {
    return this.#cellBefore(keyOf(id));
  }

  /** What the key held before the request. */
  valueBefore<T>(key: Key<T>): T | undefined {
    return this.#cellBefore(key)?.value;
  }

  #cellBefore<T>(key: Key<T>): Cell<T> | undefined {
    const noted = this.#befores.get(key);
    return noted === undefined ? this.working.cell(key) : (noted.cell as Cell<T> | undefined);
  }

  /** What the key held before the request, remembered from the first write on. */
  #noted(key: Key): Cell | undefined {
    const noted = this.#befores.get(key) ?? { cell: this.working.cell(key), pointer: this.pointer };
    this.#befores.set(key, noted);
    return noted.cell;
  }
}

export function idOf(key: Key): ResourceId {
  const { kind, tenant, name } = partsOf(key);
  return { kind, tenant, name };
}

function rebased(error: AdmissionError, pointer: string): AdmissionError {
  const errors: readonly Finding[] = error.errors.map((entry) => ({
    pointer: pointer + entry.pointer,
    detail: entry.detail,
    ...(entry.place && { place: entry.place }),
  }));
  const users = error.users.map((user): ResourceId => ({ kind: user.kind, tenant: user.tenant, name: user.name }));
  return new AdmissionError(error.code, `${pointer}: ${error.message}`, { errors, users });
}
