import { assert } from '../../src/base/errors.ts';

/** Width of a parameter. Up to 48 bits it is a number, beyond a bigint. */
export type ParameterBits = 16 | 32 | 48 | 64 | 128;
export type ParameterOf<B extends ParameterBits> = B extends 64 | 128 ? bigint : number;
export type Parameter = number | bigint;

/** A place that is left open, and for which parameter. */
export interface Opening {
  readonly at: number;
  readonly parameter: number;
  readonly bits: ParameterBits;
}

/** What is spelled in units of 8 or 16 bits, but for the places where parameters stand, most significant unit first. */
export interface Stencil {
  readonly units: readonly number[];
  readonly openings: readonly Opening[];
}

export const zerosOf = (widths: readonly ParameterBits[]): readonly Parameter[] => widths.map((bits) => (bits > 48 ? 0n : 0));
const onesOf = (bits: ParameterBits): Parameter => (bits > 48 ? (1n << BigInt(bits)) - 1n : 2 ** bits - 1);

/**
 * Finds the openings by spelling: what turns from zeros to ones with a parameter is where it stands. Anything but the parameter itself, as it
 * is, in places of its own, is a mistake of who made the template.
 */
export function stencilOf(
  widths: readonly ParameterBits[],
  unitBits: 8 | 16,
  spell: (values: readonly Parameter[]) => readonly number[],
): Stencil {
  const zeros = zerosOf(widths);
  const units = [...spell(zeros)];
  const openings = widths.flatMap((bits, parameter) => {
    const spelled = spell(zeros.with(parameter, onesOf(bits)));
    assert(spelled.length === units.length, 'a template has the same length for all values');
    return openingsOf({ units, spelled, parameter, bits, unitBits });
  });
  return { units, openings };
}

interface Spelled {
  readonly units: readonly number[];
  readonly spelled: readonly number[];
  readonly parameter: number;
  readonly bits: ParameterBits;
  readonly unitBits: 8 | 16;
}

function openingsOf({ units, spelled, parameter, bits, unitBits }: Spelled): Opening[] {
  const openings: Opening[] = [];
  const count = bits / unitBits;
  for (let at = 0; at < units.length; at++) {
    if (spelled[at] === units[at]) continue;
    for (const end = at + count; at < end; at++)
      assert(units[at] === 0 && spelled[at] === 2 ** unitBits - 1, 'a parameter of a template stands alone and as it is');
    openings.push({ at: at - count, parameter, bits });
    at--;
  }
  return openings;
}
