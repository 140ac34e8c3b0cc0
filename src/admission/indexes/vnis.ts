import type { Revision } from '../../../cluster/index.ts';
import type { Cell } from '../records.ts';
import type { DocumentOfKind, FreeVni, Key } from '../keys.ts';
import { Holders } from './holders.ts';

export const poolFirst = 1000;
export const poolLast = 100_000;

/** Which network has a VNI, which were never used, and in which order the others were released. */
export class Vnis {
  readonly #networks = new Holders<number, Key>();
  readonly #freed = new Map<number, Revision>();
  readonly #queue = new ReleaseQueue();
  /** No number of the pool below it was never used. */
  #floor = poolFirst;

  changeNetwork(key: Key, before: DocumentOfKind<'Network'> | undefined, after: DocumentOfKind<'Network'> | undefined): void {
    if (before?.spec.vni === after?.spec.vni) return;
    if (before !== undefined) {
      this.#networks.remove(before.spec.vni, key);
      this.#mayBeNew(before.spec.vni);
    }
    if (after !== undefined && after.spec.vni !== 0) this.#networks.add(after.spec.vni, key);
  }

  changeFree(before: Cell<FreeVni> | undefined, after: Cell<FreeVni> | undefined): void {
    if (before !== undefined) {
      this.#freed.delete(before.value.vni);
      this.#mayBeNew(before.value.vni);
    }
    if (after !== undefined) {
      this.#freed.set(after.value.vni, after.revision);
      this.#queue.push({ vni: after.value.vni, revision: after.revision });
    }
  }

  networkOf(vni: number): Key | undefined {
    return this.#networks.all.get(vni);
  }

  isFreed(vni: number): boolean {
    return this.#freed.has(vni);
  }

  /** The lowest that was never used, else the one released longest ago; undefined when all are in use. */
  next(): number | undefined {
    while (this.#floor <= poolLast && (this.#networks.all.has(this.#floor) || this.#freed.has(this.#floor))) this.#floor++;
    if (this.#floor <= poolLast) return this.#floor;
    return this.#queue.first((release) => this.#freed.get(release.vni) === release.revision && !this.#networks.all.has(release.vni));
  }

  #mayBeNew(vni: number): void {
    if (vni >= poolFirst && vni < this.#floor) this.#floor = vni;
  }
}

interface Release {
  readonly vni: number;
  readonly revision: Revision;
}

/** A binary heap by revision, then number. Entries that no longer hold are dropped when they come to the top. */
class ReleaseQueue {
  readonly #heap: Release[] = [];

  push(release: Release): void {
    const heap = this.#heap;
    let index = heap.push(release) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  first(holds: (release: Release) => boolean): number | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return undefined;
      if (holds(top)) return top.vni;
      this.#dropTop();
    }
  }

  #dropTop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let index = 0;
    for (;;) {
      const left = index * 2 + 1;
      if (left >= heap.length) return;
      const child = left + 1 < heap.length && this.#before(left + 1, left) ? left + 1 : left;
      if (!this.#before(child, index)) return;
      this.#swap(child, index);
      index = child;
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.revision === y.revision ? x.vni < y.vni : x.revision < y.revision;
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    const [x, y] = [heap[a], heap[b]];
    if (x === undefined || y === undefined) return;
    heap[a] = y;
    heap[b] = x;
  }
}
