import { isOneInterface } from './classes.ts';
import type { EndClass } from './classes.ts';
import type { Side } from './endpoints.ts';
import type { NamedSets, Naming } from './named-sets.ts';
import type { PairChange } from './pairs.ts';

/** All of one end with all of the other. */
export interface Rectangle {
  readonly from: Naming;
  readonly to: Naming;
}

/** Of many names only the largest are tried. */
const namesMax = 64;

/**
 * Covers pairs of classes (of one tenant each, one family and the same services) by as few rectangles as a greedy choice finds: those
 * between named sets that hold nothing else first, each time the smallest of those that cover most of what is left, then what is
 * left by listing it. A pair that no packet can have, because the two share no domain or are one and the same, may be in a rectangle.
 */
export function* cover(pairs: readonly PairChange[], named: NamedSets, side: Side): Generator<undefined, readonly Rectangle[]> {
  const [first] = pairs;
  if (first === undefined) return [];
  const relation = new Relation(pairs, side);
  const froms = candidates(named.of(first.from.tenant, first.from.family), relation.froms, named);
  const tos = candidates(named.of(first.to.tenant, first.to.family), relation.tos, named);
  const valid: Rectangle[] = [];
  for (const from of froms) {
    for (const to of tos) {
      if (relation.holds(from.classes, to.classes)) valid.push({ from, to });
      if (from.classes.length * to.classes.length > classesAtOnce) yield;
    }
    yield;
  }
  // What a rectangle covers only becomes less: who was the best and still covers as much, is the best.
  const counts: number[] = [];
  for (const { from, to } of valid) {
    counts.push(relation.countLeft(from.classes, to.classes));
    if (from.classes.length * to.classes.length > classesAtOnce) yield;
  }
  const found: Rectangle[] = [];
  while (found.length < rectanglesMax) {
    const best = bestOf(valid, counts);
    const rectangle = valid[best];
    if (rectangle === undefined) break;
    const count = relation.countLeft(rectangle.from.classes, rectangle.to.classes);
    yield;
    if (count !== counts[best]) counts[best] = count;
    else {
      found.push(rectangle);
      relation.take(rectangle.from.classes, rectangle.to.classes);
      counts[best] = 0;
    }
  }
  return [...found, ...relation.rest().map(({ from, to }) => ({ from: named.listed(from), to: named.listed(to) }))];
}

/** Rectangles larger than this many pairs are looked at one at a time. */
const classesAtOnce = 1_000;
/** What is left then is listed. */
const rectanglesMax = 64;

/** The smallest of those that cover most; -1: none covers anything. */
function bestOf(rectangles: readonly Rectangle[], counts: readonly number[]): number {
  let best = -1;
  let most = 0;
  for (const [index, rectangle] of rectangles.entries()) {
    const count = counts[index] ?? 0;
    const known = rectangles[best];
    if (count > most || (count === most && known !== undefined && sizeOf(rectangle) < sizeOf(known))) [best, most] = [index, count];
  }
  return best;
}

const sizeOf = ({ from, to }: Rectangle): number => from.classes.length * to.classes.length;

/** Named sets that can be part of the relation, and all of its ends together. */
function candidates(names: readonly Naming[], ends: ReadonlySet<EndClass>, named: NamedSets): readonly Naming[] {
  const useful = names.filter(({ classes }) => classes.some((each) => ends.has(each))).slice(0, namesMax);
  return [...useful, named.listed([...ends])];
}

class Relation {
  readonly froms = new Set<EndClass>();
  readonly tos = new Set<EndClass>();
  readonly #all = new Map<EndClass, Set<EndClass>>();
  readonly #left = new Map<EndClass, Set<EndClass>>();
  readonly #side: Side;

  constructor(pairs: readonly PairChange[], side: Side) {
    this.#side = side;
    for (const { from, to } of pairs) {
      this.froms.add(from);
      this.tos.add(to);
      for (const map of [this.#all, this.#left]) {
        const others = map.get(from);
        if (others === undefined) map.set(from, new Set([to]));
        else others.add(to);
      }
    }
  }

  holds(froms: readonly EndClass[], tos: readonly EndClass[]): boolean {
    return froms.every((from) => {
      const others = this.#all.get(from);
      return tos.every((to) => others?.has(to) === true || this.#isImpossible(from, to));
    });
  }

  countLeft(froms: readonly EndClass[], tos: readonly EndClass[]): number {
    let count = 0;
    for (const from of froms) {
      const others = this.#left.get(from);
      if (others !== undefined) for (const to of tos) if (others.has(to)) count++;
    }
    return count;
  }

  take(froms: readonly EndClass[], tos: readonly EndClass[]): void {
    for (const from of froms) for (const to of tos) this.#left.get(from)?.delete(to);
  }

  /** What is left, those that have the same others together. */
  rest(): readonly { readonly from: readonly EndClass[]; readonly to: readonly EndClass[] }[] {
    const ids = new Map([...this.tos].map((to, index) => [to, index]));
    const left = [...this.#left].filter(([, others]) => others.size > 0);
    const rows = Map.groupBy(left, ([, others]) =>
      [...others]
        .map((to) => ids.get(to) ?? 0)
        .sort((a, b) => a - b)
        .join(),
    );
    return [...rows.values()].map((own) => ({ from: own.map(([from]) => from), to: [...(own[0]?.[1] ?? [])] }));
  }

  #isImpossible(from: EndClass, to: EndClass): boolean {
    if (isOneInterface(from, to)) return true;
    const [own, other] = [from[this.#side], to[this.#side]];
    return (
      own === undefined || other === undefined || (from.tenant !== undefined && to.tenant !== undefined && own.domain !== other.domain)
    );
  }
}
