import type { Flow } from '../model/index.ts';
import { admittedTo, concernOf } from '../pipeline/index.ts';

/**
 * For how long what judges in a view stays after the last interface has left it: a packet that is held by connection tracking has its
 * registers already, and the datapath goes on for a moment as it did before.
 */
const viewGraceMs = 1_000;
/** A turn that the switch has neither made nor refused by then is not waited for. */
const turnMs = 10_000;

/** Which tenants, in which view, packets on the switch can be judged for. */
export class Views {
  /** Flows that let interfaces in, by view. */
  readonly #admitting = new Map<number, number>();
  /** When what judges in a view can go that interfaces have left for another. */
  readonly #left = new Map<number, number>();

  forget(): void {
    this.#admitting.clear();
    this.#left.clear();
  }

  /** What stands on the switch under one key. */
  installedChanged(before: Flow | undefined, after: Flow | undefined): void {
    this.#count(before, -1);
    this.#count(after, 1);
  }

  /** A change that makes packets leave the view is about to be sent. */
  turning(from: number, nowMs: number): void {
    this.#left.set(from, nowMs + turnMs);
  }

  /** It was committed. */
  turned(from: number, nowMs: number): void {
    this.#left.set(from, nowMs + viewGraceMs);
  }

  /** No packets are judged at all, and none were a moment ago. */
  get isIdle(): boolean {
    return this.#admitting.size + this.#left.size === 0;
  }

  /** Whether packets are judged there. */
  isReached(view: number): boolean {
    return this.#admitting.has(view);
  }

  /** Whether a deletion has to wait that takes away what packets of the view may still need. */
  isLingering(view: number, nowMs: number): boolean {
    const until = this.#left.get(view);
    if (until === undefined) return false;
    if (until > nowMs) return true;
    this.#left.delete(view);
    return false;
  }

  #count(flow: Flow | undefined, by: 1 | -1): void {
    const view = flow && admittedTo(flow);
    if (view === undefined) return;
    const count = (this.#admitting.get(view) ?? 0) + by;
    if (count === 0) this.#admitting.delete(view);
    else this.#admitting.set(view, count);
  }
}

interface Change {
  readonly desired: Flow | undefined;
  readonly installed: Flow | undefined;
}

/** The view that packets of an interface leave when the change is made. */
export function viewLeft({ desired, installed }: Change): number | undefined {
  if (desired === undefined || installed === undefined) return undefined;
  const [before, after] = [admittedTo(installed), admittedTo(desired)];
  return before !== undefined && after !== undefined && before !== after ? before : undefined;
}

/** The view whose packets a change concerns, and whether it is a change of policy; undefined when it is about everybody. */
export function viewOf({ desired, installed }: Change): { readonly view: number; readonly isPolicy: boolean } | undefined {
  const flow = desired ?? installed;
  return flow && concernOf(flow);
}
