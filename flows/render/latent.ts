import type { Element, InterfaceElement } from '../../policies/compiled.ts';
import { flowKey } from '../model/index.ts';
import type { Flow } from '../model/index.ts';
import { portOwner, renderElement, renderPort } from './index.ts';

/** Renderings whose flows are held as they were made. */
type Awake = Set<Rendering>;

/**
 * Flows of one owner that can be at rest: then nothing of them is held but their keys, and whoever looks at one has them rendered again, the
 * same ones. A switch has a thousand flows for each one that changes.
 */
class Rendering {
  readonly #owner: string;
  readonly #element: Element;
  /** Of the flows that tie an interface to its port. */
  readonly #ofport: number | undefined;
  readonly #awake: Awake;
  #made: readonly Flow[] | undefined;

  constructor(owner: string, element: Element, ofport: number | undefined, awake: Awake) {
    this.#owner = owner;
    this.#element = element;
    this.#ofport = ofport;
    this.#awake = awake;
  }

  get made(): readonly Flow[] {
    if (this.#made) return this.#made;
    this.#awake.add(this);
    const element = this.#element;
    this.#made =
      this.#ofport !== undefined && element.kind === 'interface' ? renderPort(element, this.#ofport) : renderElement(this.#owner, element);
    return this.#made;
  }

  rest(): void {
    this.#made = undefined;
  }
}

class LatentFlow implements Flow {
  readonly key: string;
  readonly #rendering: Rendering;
  readonly #at: number;

  constructor(key: string, rendering: Rendering, at: number) {
    this.key = key;
    this.#rendering = rendering;
    this.#at = at;
  }

  get #flow(): Flow {
    const flow = this.#rendering.made[this.#at];
    if (!flow) throw new Error('invariant broken: an element is rendered to the same flows each time');
    return flow;
  }

  get tableId(): number {
    return this.#flow.tableId;
  }

  get priority(): number {
    return this.#flow.priority;
  }

  get cookie(): bigint {
    return this.#flow.cookie;
  }

  get match(): Flow['match'] {
    return this.#flow.match;
  }

  get instructions(): Flow['instructions'] {
    return this.#flow.instructions;
  }
}

/** Renders for one host. What it makes is held until `rest`. */
export class LatentRenderer {
  readonly #awake: Awake = new Set();

  /** The flows of `renderElement`. */
  element(owner: string, element: Element): readonly Flow[] {
    return this.#flowsOf(new Rendering(owner, element, undefined, this.#awake));
  }

  /** The flows of `renderPort`. */
  port(element: InterfaceElement, ofport: number): readonly Flow[] {
    return this.#flowsOf(new Rendering(portOwner(element.portId), element, ofport, this.#awake));
  }

  #flowsOf(rendering: Rendering): readonly Flow[] {
    return rendering.made.map((flow, at) => new LatentFlow(flowKey(flow), rendering, at));
  }

  /** Nobody is about to look at flows. */
  rest(): void {
    for (const rendering of this.#awake) rendering.rest();
    this.#awake.clear();
  }
}
