/** Numbers that agree with `value` in the bits of `mask`. */
export interface Masked {
  readonly value: number;
  readonly mask: number;
}

/**
 * The fewest masked values that cover the numbers from `first` to `last` inclusive and nothing else, of so many bits (ports: 16). They
 * may overlap, and their masks may have holes: 1 to 65534 takes 16, where aligned blocks would take 30. It is the minimum DNF of an
 * interval's characteristic function, from the top bit down.
 */
export function maskedRange(first: number, last: number, bits = 16): readonly Masked[] {
  if (first === 0 || last === 2 ** bits - 1) return blocks(first, last, bits);
  const top = 2 ** (bits - 1);
  if (first < top && last >= top) return joint(first, last - top, bits - 1).map(({ half, rest }) => inHalf(half, rest, top));
  const half = first & top;
  return maskedRange(first - half, last - half, bits - 1).map((rest) => ({ value: half | rest.value, mask: top | rest.mask }));
}

/** Of two halves with the same numbers: in which of them a masked value holds. */
interface Part {
  readonly half: 'low' | 'high' | 'both';
  readonly rest: Masked;
}

const everything: Masked = { value: 0, mask: 0 };

const inHalf = (half: Part['half'], { value, mask }: Masked, top: number): Masked =>
  half === 'both' ? { value, mask } : { value: (half === 'high' ? top : 0) | value, mask: top | mask };

/** Covers what is at least `first` in the low half and at most `last` in the high one. */
function joint(first: number, last: number, bits: number): readonly Part[] {
  const max = 2 ** bits - 1;
  const inLow = (rest: Masked): Part => ({ half: 'low', rest });
  const inHigh = (rest: Masked): Part => ({ half: 'high', rest });
  if (first === 0 && last === max) return [{ half: 'both', rest: everything }];
  if (first === 0) return [inLow(everything), ...blocks(0, last, bits).map(inHigh)];
  if (last === max) return [inHigh(everything), ...blocks(first, max, bits).map(inLow)];
  // Nothing holds in both halves.
  if (first > last) return [...blocks(first, max, bits).map(inLow), ...blocks(0, last, bits).map(inHigh)];
  const top = 2 ** (bits - 1);
  const under = (part: Part, quarter: number): Part => ({
    half: part.half,
    rest: { value: quarter | part.rest.value, mask: top | part.rest.mask },
  });
  // One quarter is full; the others are the same question with a bit less.
  if (last < top) return [inLow({ value: top, mask: top }), ...joint(first, last, bits - 1).map((part) => under(part, 0))];
  if (first >= top) return [inHigh({ value: 0, mask: top }), ...joint(first - top, last - top, bits - 1).map((part) => under(part, top))];
  return middle(first, last - top, bits - 1, top);
}

/** The two quarters between are full. */
function middle(first: number, last: number, bits: number, top: number): readonly Part[] {
  const lowFull: Part = { half: 'low', rest: { value: top, mask: top } };
  const highFull: Part = { half: 'high', rest: { value: 0, mask: top } };
  const parts = joint(first, last, bits);
  const outward = ({ half, rest }: Part): Part => inQuarter(half, half, rest, top);
  if (first > last + 1) return [lowFull, highFull, ...parts.map(outward)];
  // What covers both outer quarters, widened by the quarter beside each, covers all of one that is full.
  return [
    highFull,
    ...parts.map(({ half, rest }) => inQuarter(half === 'low' ? 'low' : 'both', half === 'high' ? 'high' : 'both', rest, top)),
  ];
}

function inQuarter(half: Part['half'], quarter: Part['half'], rest: Masked, top: number): Part {
  return { half, rest: inHalf(quarter, rest, top) };
}

/** From the low end, always the largest aligned block that starts there and fits: the fewest when one end is an end of all. */
function blocks(first: number, last: number, bits: number): readonly Masked[] {
  const found: Masked[] = [];
  for (let start = first; start <= last;) {
    let size = start === 0 ? 2 ** bits : start & -start;
    while (start + size - 1 > last) size /= 2;
    found.push({ value: start, mask: 2 ** bits - size });
    start += size;
  }
  return found;
}
