import { assert } from '../../src/base/errors.ts';
import type { Flow } from './flow.ts';
import { keyOfUnits, placedMatchUnits, spellInto } from './match.ts';
import { isFree } from './reference.ts';
import { stencilOf, zerosOf } from './stencil.ts';
import type { Parameter, ParameterBits, ParameterOf, Stencil } from './stencil.ts';

/** A flow without its cookie. */
export type FlowDraft = Omit<Flow, 'cookie'>;

/** Scratch of one key. */
const units: number[] = [];

/**
 * Flows that differ in a few numbers only, of which a host has tens of thousands: written down once, as any flow is. From that follow the
 * stencils by which keys and messages are filled in, with no flow in between.
 */
export class FlowTemplate {
  readonly widths: readonly ParameterBits[];
  /** The flow with zeros for values. */
  readonly sample: FlowDraft;
  readonly #write: (values: readonly Parameter[]) => FlowDraft;
  readonly #key: Stencil;

  constructor(widths: readonly ParameterBits[], write: (values: readonly Parameter[]) => FlowDraft) {
    this.widths = widths;
    this.#write = write;
    this.sample = write(zerosOf(widths));
    assert(isFree(this.sample), 'a flow of a template needs no group and no meter');
    const { tableId, priority } = this.sample;
    this.#key = stencilOf(widths, 16, (values) => placedMatchUnits(tableId, priority, write(values).match));
  }

  write(values: readonly Parameter[]): FlowDraft {
    return this.#write(values);
  }

  /** The key of the flow with these values. */
  keyOf(values: readonly Parameter[]): string {
    const { units: fixed, openings } = this.#key;
    units.length = fixed.length;
    for (let at = 0; at < fixed.length; at++) units[at] = fixed[at] ?? 0;
    for (const { at, parameter, bits } of openings) spellInto(units, at, bits / 16, values[parameter] ?? 0);
    return keyOfUnits(units);
  }
}

/** A template with its values; match and instructions are written when somebody looks at them. */
export class FilledTemplate implements FlowDraft {
  readonly template: FlowTemplate;
  readonly values: readonly Parameter[];
  #draft: FlowDraft | undefined;

  constructor(template: FlowTemplate, values: readonly Parameter[]) {
    this.template = template;
    this.values = values;
  }

  get filled(): this {
    return this;
  }

  get isFree(): true {
    return true;
  }

  get tableId(): number {
    return this.template.sample.tableId;
  }

  get priority(): number {
    return this.template.sample.priority;
  }

  get key(): string {
    return this.template.keyOf(this.values);
  }

  get match(): Flow['match'] {
    return this.#written.match;
  }

  get instructions(): Flow['instructions'] {
    return this.#written.instructions;
  }

  get #written(): FlowDraft {
    return (this.#draft ??= this.template.write(this.values));
  }
}

/** @returns what fills the template in. `write` must do with its values nothing but put them where they stand. */
export function flowTemplate<const W extends readonly ParameterBits[]>(
  widths: W,
  write: (...values: { readonly [I in keyof W]: ParameterOf<W[I]> }) => FlowDraft,
): (...values: { readonly [I in keyof W]: ParameterOf<W[I]> }) => FilledTemplate {
  const spread = write as (...values: readonly Parameter[]) => FlowDraft;
  const template = new FlowTemplate(widths, (values) => spread(...values));
  return (...values) => new FilledTemplate(template, values);
}
