import type { Random } from '../../src/base/random.ts';

/** The same bytes for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return (value ^ (value >>> 14)) >>> 0;
  };
  return {
    randomize: (bytes) => {
      for (let index = 0; index < bytes.length; index++) bytes[index] = next() & 255;
      return bytes;
    },
  };
}
