import { profiles } from '../model/profiles.ts';
import { nameFrom } from '../model/scope.ts';
import { labelsOf } from '../selectors/index.ts';
import type { World } from '../selectors/index.ts';
import { namesFor } from './names.ts';
import type { End } from './meaning.ts';

/** The labels by whose values a phrase may mean interfaces. */
const roleKeys = ['role', 'app', 'tier'] as const;

/** A thing that a phrase may mean, and how to name it without doubt. */
export interface Candidate {
  readonly end: End;
  readonly text: string;
}

/** The names that an intent of one owner (undefined: the platform) can use, as the world has them now. */
export class Vocabulary {
  readonly #world: World;
  readonly #owner: string | undefined;

  constructor(world: World, owner: string | undefined) {
    this.#world = world;
    this.#owner = owner;
  }

  group(name: string): End | undefined {
    const slash = name.indexOf('/');
    const scope = slash < 0 ? this.#owner : undefined;
    if (slash >= 0 && name.slice(0, slash) !== 'platform') return undefined;
    const bare = name.slice(slash + 1);
    const document = this.#world.get('Group', scope, bare)?.document;
    if (document === undefined) return undefined;
    const of = document.spec.members.kind === 'cidrs' ? 'addresses' : 'interfaces';
    return { kind: 'group', name: nameFrom(this.#owner, { tenant: scope, name: bare }), of };
  }

  /**
   * What a phrase can mean: a group before all else, the tenant's before the platform's, one that is called exactly so before
   * one in another number; else what is labelled so, and a VM or network of that very name.
   */
  meaningsOf(words: readonly string[]): readonly Candidate[] {
    const names = namesFor(words);
    for (const scope of this.#owner === undefined ? [''] : ['', 'platform/']) {
      const groups = names.flatMap((name) => this.group(scope + name) ?? []);
      const exact = groups.find((end) => end.kind === 'group' && end.name === scope + names[0]);
      if (exact !== undefined) return [candidate(exact)];
      if (groups.length > 0) return groups.map((end) => candidate(end));
    }
    const wanted = new Set(names);
    const [name = ''] = names;
    const found = new Map<string, Candidate>();
    const add = (end: End): unknown => found.set(candidate(end).text, candidate(end));
    for (const { key, value } of this.#roles()) if (wanted.has(value.toLowerCase())) add({ kind: 'label', key, value });
    if (this.#owner !== undefined && this.#world.get('Vm', this.#owner, name)) add({ kind: 'vm', name });
    if (this.#owner !== undefined && this.#world.get('Network', this.#owner, name)) add({ kind: 'network', name });
    return [...found.values()];
  }

  has(kind: 'Vm' | 'Network' | 'Tenant', name: string): boolean {
    if (kind === 'Tenant') return this.#world.get('Tenant', undefined, name) !== undefined;
    if (this.#owner !== undefined) return this.#world.get(kind, this.#owner, name) !== undefined;
    for (const { document } of this.#world.list(kind)) if (document.metadata.name === name) return true;
    return false;
  }

  /** The name under which a rule of the owner can name the service. */
  service(name: string): string | undefined {
    if (name.startsWith('platform/')) return this.#world.get('Service', undefined, name.slice(9)) ? this.#nameOf(name.slice(9)) : undefined;
    if (name.includes('/')) return undefined;
    const isKnown =
      this.#world.get('Service', this.#owner, name) !== undefined ||
      this.#world.get('Service', undefined, name) !== undefined ||
      profiles.has(name);
    return isKnown ? name : undefined;
  }

  #nameOf(platforms: string): string {
    return nameFrom(this.#owner, { tenant: undefined, name: platforms });
  }

  /** Everything that a party may be called, as it can be written; for suggestions alone. */
  *parties(): Generator<string> {
    for (const { document } of this.#world.list('Group', this.#owner)) {
      if (document.metadata.tenant === this.#owner) yield document.metadata.name;
    }
    if (this.#owner !== undefined) {
      for (const { document } of this.#world.list('Group'))
        if (document.metadata.tenant === undefined) yield `platform/${document.metadata.name}`;
    }
    for (const { value } of this.#roles()) yield value.toLowerCase();
    if (this.#owner === undefined) return;
    for (const kind of ['Vm', 'Network'] as const)
      for (const { document } of this.#world.list(kind, this.#owner)) yield `${kind.toLowerCase()} ${document.metadata.name}`;
  }

  *services(): Generator<string> {
    for (const { document } of this.#world.list('Service')) {
      const { tenant, name } = document.metadata;
      if (tenant === undefined || tenant === this.#owner) yield name;
    }
    yield* profiles.keys();
  }

  *#roles(): Generator<{ readonly key: string; readonly value: string }> {
    for (const { document } of this.#world.list('Vm', this.#owner)) {
      for (const item of document.spec.interfaces) {
        const labels = labelsOf(document, item);
        for (const key of roleKeys) {
          const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
          if (value !== undefined && value !== '') yield { key, value };
        }
      }
    }
  }
}

function candidate(end: End): Candidate {
  if (end.kind === 'label') return { end, text: `${end.key}=${end.value}` };
  return { end, text: 'name' in end ? `${end.kind} ${end.name}` : end.kind };
}
