import { hostMask, parsePrefix } from '../../src/base/addresses.ts';
import type { Address, Family, Prefix } from '../../src/base/addresses.ts';
import type { CidrClause } from '../compile/blocks.ts';
import { bigints } from './intervals.ts';
import type { Intervals } from './intervals.ts';

/** All addresses on one line: the 2^32 of IPv4, behind them the 2^128 of IPv6. */
export type AddressSet = Intervals<bigint>;

export const familyBase: Readonly<Record<Family, bigint>> = { 4: 0n, 6: 1n << 32n };
export const familyLine: Readonly<Record<Family, AddressSet>> = {
  4: [0n, familyBase[6] - 1n],
  6: [familyBase[6], familyBase[6] + (1n << 128n) - 1n],
};
export const everyAddress: AddressSet = [0n, familyBase[6] + (1n << 128n) - 1n];

export const pointOf = ({ family, value }: Address): bigint => familyBase[family] + value;

const rangeOf = ({ family, value, length }: Prefix): readonly [bigint, bigint] => [
  familyBase[family] + value,
  familyBase[family] + (value | hostMask(family, length)),
];

/** The addresses of the clauses, each clause less its exceptions. */
export function addressesOf(clauses: readonly CidrClause[]): AddressSet {
  return bigints.of(
    clauses.flatMap(({ cidrs, except }) => {
      const rest = bigints.subtract(
        bigints.of(cidrs.map((text) => rangeOf(parsePrefix(text)))),
        bigints.of(except.map((text) => rangeOf(parsePrefix(text)))),
      );
      return Array.from({ length: rest.length / 2 }, (_, index): readonly [bigint, bigint] => [
        rest[2 * index] as bigint,
        rest[2 * index + 1] as bigint,
      ]);
    }),
  );
}

/** Addresses of both families, and those of each. */
export interface Addresses {
  readonly all: AddressSet;
  readonly in: Readonly<Record<Family, AddressSet>>;
}

export const addressesFrom = (all: AddressSet): Addresses => ({
  all,
  in: { 4: bigints.intersect(all, familyLine[4]), 6: bigints.intersect(all, familyLine[6]) },
});
