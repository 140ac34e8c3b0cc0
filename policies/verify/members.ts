import { parseAddress } from '../../src/base/addresses.ts';
import { resolveName } from '../model/scope.ts';
import { findGroup, labelsOf, membershipOf } from '../selectors/index.ts';
import type { World } from '../selectors/index.ts';
import { addressesFrom, pointOf } from './address-line.ts';
import type { Addresses } from './address-line.ts';
import { bigints } from './intervals.ts';
import { boxMatches, boxOf } from './label-box.ts';

/** Interfaces times groups that are looked at for one tenant. Beyond it, groups are not compared with addresses. */
const matchesMax = 50_000;

/**
 * The addresses that present members of groups have, of groups of one tenant only: the platform's select among too many. Kept until
 * the tenant's VMs or the group change.
 */
export class Members {
  readonly #known = new Map<string, Addresses | undefined>();
  readonly #groupsOf = new Map<string, Set<string>>();

  /** `group` as `scopedText` writes it. */
  of(world: World, group: string): Addresses | undefined {
    if (this.#known.has(group)) return this.#known.get(group);
    const { tenant } = scopeOf(group);
    if (tenant === undefined) return undefined;
    const groups = this.#groupsOf.get(tenant) ?? new Set();
    this.#groupsOf.set(tenant, groups.add(group));
    this.#known.set(group, addressesOf(world, tenant, [group]).get(group));
    return this.#known.get(group);
  }

  /** The group is another one now. */
  forget(group: string): void {
    this.#known.delete(group);
    const { tenant } = scopeOf(group);
    if (tenant !== undefined) this.#groupsOf.get(tenant)?.delete(group);
  }

  /** Looks again at the tenant's groups. @returns those whose addresses are others now */
  refresh(world: World, tenant: string): readonly string[] {
    const groups = [...(this.#groupsOf.get(tenant) ?? [])];
    const now = addressesOf(world, tenant, groups);
    const changed = groups.filter((group) => now.get(group)?.all.join() !== this.#known.get(group)?.all.join());
    for (const group of changed) this.#known.set(group, now.get(group));
    return changed;
  }
}

const scopeOf = (group: string) => resolveName(undefined, group.replace(/^-\//, 'platform/'));

function addressesOf(world: World, tenant: string, groups: readonly string[]): ReadonlyMap<string, Addresses | undefined> {
  const boxes = groups.flatMap((group) => {
    const found = findGroup(world, scopeOf(group));
    const membership = found && membershipOf(found);
    const box = membership && boxOf(membership);
    return box === undefined ? [] : [{ group, box, points: [] as (readonly [bigint, bigint])[] }];
  });
  let matchesLeft = matchesMax;
  for (const { document } of boxes.length > 0 ? world.list('Vm', tenant) : []) {
    for (const item of document.spec.interfaces) {
      if ((matchesLeft -= boxes.length) < 0) return new Map();
      const labels = labelsOf(document, item);
      const points = item.addresses.map((text) => pointOf(parseAddress(text)));
      for (const { box, points: own } of boxes) if (boxMatches(box, labels)) own.push(...points.map((point) => [point, point] as const));
    }
  }
  return new Map(boxes.map(({ group, points }) => [group, addressesFrom(bigints.of(points))]));
}
