import { isDeepStrictEqual } from 'node:util';
import type { Revision } from '../../cluster/index.ts';
import type { Random } from '../base/random.ts';
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
  readonly #befores = new Map<Key, Cell | undefined>();
  readonly #scopes = new Set<Scope>();
  readonly #tallies = new Map<string, Tally>();
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
    if (!this.#befores.has(key)) this.#befores.set(key, this.working.cell(key));
    const before = this.#befores.get(key);
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

  /** Before the first change to what a tenant has. */
  weigh(tenant: string): void {
    if (!this.#tallies.has(tenant)) this.#tallies.set(tenant, { ...this.working.tallies.of(tenant) });
  }

  /** Tenants that were weighed, with what they had before. */
  get weighed(): ReadonlyMap<string, Tally> {
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

  runChecks(): void {
    for (const { pointer, check } of this.#checks) this.at(pointer, check);
  }

  changes(): readonly DraftChange[] {
    const changes: DraftChange[] = [];
    for (const [key, before] of this.#befores) {
      const after = this.working.cell(key);
      if (after !== before) changes.push({ key, before, after });
    }
    return changes;
  }

  scopes(changes: readonly DraftChange[]): ReadonlySet<Scope> {
    return new Set([...this.#scopes, ...changes.map(({ key }) => scopeOf(key))]);
  }

  rollback(): void {
    for (const [key, before] of this.#befores) this.working.write(key, before);
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
    const key = keyOf(id);
    return (this.#befores.has(key) ? this.#befores.get(key) : this.working.cell(key)) as Cell<Document> | undefined;
  }
}

export function idOf(key: Key): ResourceId {
  const { kind, tenant, name } = partsOf(key);
  return { kind, tenant, name };
}

function rebased(error: AdmissionError, pointer: string): AdmissionError {
  const errors: readonly Finding[] = error.errors.map((entry) => ({ pointer: pointer + entry.pointer, detail: entry.detail }));
  const users = error.users.map((user): ResourceId => ({ kind: user.kind, tenant: user.tenant, name: user.name }));
  return new AdmissionError(error.code, `${pointer}: ${error.message}`, { errors, users });
}
