import type { Document } from '../../../policies/model/index.ts';
import type { Key } from '../keys.ts';
import { referencesOf } from '../references.ts';

/** Which documents name a document. A reference that several documents could satisfy counts for each of them. */
export class Users {
  /** Most have one: a set for each would take ten times the room. */
  readonly #users = new Map<Key, Key | Set<Key>>();

  change(key: Key, before: Document | undefined, after: Document | undefined): void {
    for (const target of before === undefined ? [] : targetsOf(before)) this.#remove(target, key);
    for (const target of after === undefined ? [] : targetsOf(after)) this.#add(target, key);
  }

  #add(target: Key, user: Key): void {
    const users = this.#users.get(target);
    if (users === undefined) this.#users.set(target, user);
    else if (typeof users !== 'string') users.add(user);
    else if (users !== user) this.#users.set(target, new Set([users, user]));
  }

  #remove(target: Key, user: Key): void {
    const users = this.#users.get(target);
    if (users === user) this.#users.delete(target);
    if (users === undefined || typeof users === 'string') return;
    users.delete(user);
    if (users.size === 0) this.#users.delete(target);
  }

  of(target: Key): ReadonlySet<Key> {
    const users = this.#users.get(target) ?? none;
    return typeof users === 'string' ? new Set([users]) : users;
  }
}

const none: ReadonlySet<Key> = new Set();

const targetsOf = (document: Document): readonly Key[] => [...referencesOf(document)].flatMap(({ targets }) => targets);
