/** What is to happen, by virtual time; of two at the same time, the one that was added first. A binary heap. */
export class Agenda {
  readonly #heap: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  nowMs = 0;

  in(delayMs: number, run: () => void): void {
    const heap = this.#heap;
    const item = { atMs: this.nowMs + delayMs, order: this.#order++, run };
    let at = heap.push(item) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !before(item, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = item;
  }

  /** Runs the next. Nothing ever ends by itself: members tick. */
  step(): void {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) throw new Error('nothing is left to happen');
    if (heap.length > 0) {
      let at = 0;
      for (;;) {
        const left = heap[at * 2 + 1];
        const right = heap[at * 2 + 2];
        const child = right !== undefined && left !== undefined && before(right, left) ? at * 2 + 2 : at * 2 + 1;
        const item = heap[child];
        if (item === undefined || !before(item, last)) break;
        heap[at] = item;
        at = child;
      }
      heap[at] = last;
    }
    this.nowMs = first.atMs;
    first.run();
  }
}

type Order = { readonly atMs: number; readonly order: number };

function before(left: Order, right: Order): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
