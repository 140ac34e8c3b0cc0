import type { AddressSet } from './address-line.ts';
import { bigints, numbers } from './intervals.ts';
import { boxesOverlap, intersectBoxes, subtractBox } from './label-box.ts';
import type { LabelBox } from './label-box.ts';
import type { ServiceSet } from './service-space.ts';

/**
 * A part of what rules match, as a product: interfaces that are judged, who the other end is, its address, and the service. Never
 * empty. The other end is nobody's (`outside`), an interface (`inside`), or either.
 */
export interface Box {
  readonly local: LabelBox;
  readonly outside: boolean;
  readonly inside: LabelBox | undefined;
  readonly addresses: AddressSet;
  readonly services: ServiceSet;
}

export function overlap(a: Box, b: Box): boolean {
  return (
    numbers.overlaps(a.services, b.services) &&
    ((a.outside && b.outside) || (a.inside !== undefined && b.inside !== undefined && boxesOverlap(a.inside, b.inside))) &&
    boxesOverlap(a.local, b.local) &&
    bigints.overlaps(a.addresses, b.addresses)
  );
}

/** Undefined when they have nothing in common. */
export function intersection(a: Box, b: Box): Box | undefined {
  const local = intersectBoxes(a.local, b.local);
  const inside = a.inside && b.inside && intersectBoxes(a.inside, b.inside);
  const outside = a.outside && b.outside;
  const addresses = bigints.intersect(a.addresses, b.addresses);
  const services = numbers.intersect(a.services, b.services);
  if (local === undefined || (!outside && inside === undefined) || addresses.length === 0 || services.length === 0) return undefined;
  return { local, outside, inside, addresses, services };
}

/** What of `a` is not in `b`, in disjoint boxes. */
export function subtract(a: Box, b: Box): readonly Box[] {
  const common = intersection(a, b);
  if (common === undefined) return [a];
  const { local, outside, inside } = common;
  const pieces = subtractBox(a.local, b.local).map((piece): Box => ({ ...a, local: piece }));
  if (a.outside && !outside) pieces.push({ ...a, local, inside: undefined });
  if (a.inside !== undefined) {
    const left = b.inside === undefined ? [a.inside] : subtractBox(a.inside, b.inside);
    for (const piece of left) pieces.push({ ...a, local, outside: false, inside: piece });
  }
  const addresses = bigints.subtract(a.addresses, b.addresses);
  if (addresses.length > 0) pieces.push({ ...a, local, outside, inside, addresses });
  const services = numbers.subtract(a.services, b.services);
  if (services.length > 0) pieces.push({ local, outside, inside, addresses: common.addresses, services });
  return pieces;
}
