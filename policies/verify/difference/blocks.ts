import { formatPrefix, hostMask } from '../../../src/base/addresses.ts';
import type { Family } from '../../../src/base/addresses.ts';
import { familyBase, familyLine } from '../address-line.ts';
import type { AddressSet } from '../address-line.ts';
import { bigints } from '../intervals.ts';

/** Blocks, and those inside of them that are left out. */
export interface Blocks {
  readonly cidrs: readonly string[];
  readonly except: readonly string[];
}

/** Exactly the set, as text: in each family the fewest blocks that cover it, or all addresses but the fewest that cover the rest. */
export function blocksOf(set: AddressSet): Blocks {
  const families: readonly Family[] = [4, 6];
  const all = families.map((family): Blocks => {
    const own = blockTexts(family, bigints.intersect(set, familyLine[family]));
    if (own.length <= 1) return { cidrs: own, except: [] };
    const rest = blockTexts(family, bigints.subtract(familyLine[family], set));
    if (rest.length >= own.length) return { cidrs: own, except: [] };
    return { cidrs: [formatPrefix({ family, value: 0n, length: 0 })], except: rest };
  });
  return { cidrs: all.flatMap(({ cidrs }) => cidrs), except: all.flatMap(({ except }) => except) };
}

function blockTexts(family: Family, own: AddressSet): readonly string[] {
  const blocks: string[] = [];
  for (let at = 0; at < own.length; at += 2) {
    blocks.push(...blocksBetween(family, (own[at] as bigint) - familyBase[family], (own[at + 1] as bigint) - familyBase[family]));
  }
  return blocks;
}

/** From the low end, always the largest block that starts there and fits. */
function blocksBetween(family: Family, start: bigint, last: bigint): readonly string[] {
  const blocks: string[] = [];
  for (let first = start; first <= last;) {
    let length = family === 4 ? 32 : 128;
    while (length > 0 && (first & hostMask(family, length - 1)) === 0n && first + hostMask(family, length - 1) <= last) length--;
    blocks.push(formatPrefix({ family, value: first, length }));
    first += hostMask(family, length) + 1n;
  }
  return blocks;
}
