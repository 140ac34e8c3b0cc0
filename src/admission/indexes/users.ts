import type { Document } from '../../../policies/model/index.ts';
import type { Key } from '../keys.ts';
import { referencesOf } from '../references.ts';

/** Which documents name a document. A reference that several documents could satisfy counts for each of them. */
export class Users {
  readonly #users = new Map<Key, Set<Key>>();

  change(key: Key, before: Document | undefined, after: Document | undefined): void {
    if (before !== undefined) {
      for (const { targets } of referencesOf(before)) {
        for (const target of targets) {
          const users = this.#users.get(target);
          users?.delete(key);
          if (users?.size === 0) this.#users.delete(target);
        }
      }
    }
    if (after === undefined) return;
    for (const { targets } of referencesOf(after)) {
      for (const target of targets) {
        const users = this.#users.get(target);
        if (users === undefined) this.#users.set(target, new Set([key]));
        else users.add(key);
      }
    }
  }

  of(target: Key): ReadonlySet<Key> {
    return this.#users.get(target) ?? none;
  }
}

const none: ReadonlySet<Key> = new Set();
