import { formatPrefix, hostMask } from '../../../src/base/addresses.ts';
import type { Address, Family } from '../../../src/base/addresses.ts';
import { familyBase, familyLine } from '../address-line.ts';
import type { AddressSet } from '../address-line.ts';
import { bigints } from '../intervals.ts';

export const addressAt = (point: bigint): Address =>
  point < familyBase[6] ? { family: 4, value: point } : { family: 6, value: point - familyBase[6] };

/** The fewest blocks that cover exactly the set, as text. */
export function blockTexts(set: AddressSet): readonly string[] {
  const families: readonly Family[] = [4, 6];
  return families.flatMap((family) => {
    const own = bigints.intersect(set, familyLine[family]);
    const blocks: string[] = [];
    for (let at = 0; at < own.length; at += 2) {
      blocks.push(...blocksBetween(family, (own[at] as bigint) - familyBase[family], (own[at + 1] as bigint) - familyBase[family]));
    }
    return blocks;
  });
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
