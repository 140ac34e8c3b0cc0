import type { Element, InterfaceElement } from '../../policies/compiled.ts';
import { flowKey, isFree, tableOfKey } from '../model/index.ts';
import type { FilledTemplate, Flow, FlowDraft } from '../model/index.ts';
import { cookieOf } from '../pipeline/index.ts';
import { draftsOf, portOwner } from './element.ts';
import { portFlows } from './interface.ts';

/** Renderings whose flows are held as they were made. */
type Awake = Rendering[];

/** An element of more flows may fill several bundles, one after the other. */
const largeFlows = 250;

/**
 * Flows of one owner that can be at rest: then nothing of them is held but their keys, and whoever looks at one has them rendered again, the
 * same ones. A switch has a thousand flows for each one that changes.
 */
class Rendering {
  readonly owner: string;
  readonly #element: Element;
  /** Of the flows that tie an interface to its port. */
  readonly #ofport: number | undefined;
  readonly #awake: Awake;
  #made: readonly FlowDraft[] | undefined;
  /** None of its flows needs a group or a meter. */
  readonly isFree: boolean;

  constructor(owner: string, element: Element, ofport: number | undefined, awake: Awake) {
    this.owner = owner;
    this.#element = element;
    this.#ofport = ofport;
    this.#awake = awake;
    this.isFree = this.made.every(isFree);
  }

  get cookie(): bigint {
    return cookieOf(this.owner);
  }

  get made(): readonly FlowDraft[] {
    if (this.#made) return this.#made;
    this.#awake.push(this);
    const element = this.#element;
    this.#made = this.#ofport !== undefined && element.kind === 'interface' ? portFlows(element, this.#ofport) : draftsOf(element);
    return this.#made;
  }

  get isLarge(): boolean {
    return this.#made !== undefined && this.#made.length > largeFlows;
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

  get #draft(): FlowDraft {
    const draft = this.#rendering.made[this.#at];
    if (!draft) throw new Error('invariant broken: an element is rendered to the same flows each time');
    return draft;
  }

  get tableId(): number {
    return tableOfKey(this.key);
  }

  get priority(): number {
    return this.#draft.priority;
  }

  get cookie(): bigint {
    return this.#rendering.cookie;
  }

  get owner(): string {
    return this.#rendering.owner;
  }

  get match(): Flow['match'] {
    return this.#draft.match;
  }

  get instructions(): Flow['instructions'] {
    return this.#draft.instructions;
  }

  get isFree(): boolean {
    return this.#rendering.isFree;
  }

  get filled(): FilledTemplate | undefined {
    return this.#draft.filled;
  }
}

/** Renders for one host. What it makes is held until `rest`. */
export class LatentRenderer {
  readonly #awake: Awake = [];

  /** The flows of `renderElement`. */
  element(owner: string, element: Element): readonly Flow[] {
    return this.#flowsOf(new Rendering(owner, element, undefined, this.#awake));
  }

  /** The flows of `renderPort`. */
  port(element: InterfaceElement, ofport: number): readonly Flow[] {
    return this.#flowsOf(new Rendering(portOwner(element.portId), element, ofport, this.#awake));
  }

  #flowsOf(rendering: Rendering): readonly Flow[] {
    return rendering.made.map((draft, at) => new LatentFlow(flowKey(draft), rendering, at));
  }

  /** Nobody is about to look at flows. */
  rest(): void {
    for (const rendering of this.#awake.splice(0)) rendering.rest();
  }

  /** Somebody is about to look at other flows than before. They may be of the same large element, which is not rendered anew for each bundle. */
  restSmall(): void {
    for (const rendering of this.#awake.splice(0)) {
      if (rendering.isLarge) this.#awake.push(rendering);
      else rendering.rest();
    }
  }
}
