import type { Action } from './action.ts';
import { canonical } from './canonical.ts';
import type { Match } from './match.ts';

export type GroupType = 'all' | 'select' | 'indirect' | 'ff';

/** Absent `weight` is 0; absent `watchPort` and `watchGroup` are "any" (0xffffffff). */
export interface Bucket {
  /** 1.5; elsewhere the position in the group. */
  readonly bucketId?: number;
  readonly weight?: number;
  readonly watchPort?: number;
  readonly watchGroup?: number;
  readonly actions: readonly Action[];
}

/** How a `select` group chooses on Open vSwitch (1.5, Netronome's property). */
export interface Selection {
  readonly method: string;
  /** Argument of the method, 64 bits. */
  readonly parameter: bigint;
  /** Fields to hash, with the mask of the bits that count as value. */
  readonly fields: Match;
}

export interface Group {
  readonly groupId: number;
  readonly type: GroupType;
  readonly buckets: readonly Bucket[];
  readonly selection?: Selection;
}

function bucketKey(bucket: Bucket): string {
  return canonical([bucket.weight ?? 0, bucket.watchPort ?? 0xffffffff, bucket.watchGroup ?? 0xffffffff, bucket.actions]);
}

/** Same id, type and buckets in order. Bucket ids do not count: before 1.5 a group has none. */
export function groupsEqual(a: Group, b: Group): boolean {
  return (
    a.groupId === b.groupId &&
    a.type === b.type &&
    a.buckets.length === b.buckets.length &&
    a.buckets.every((bucket, index) => bucketKey(bucket) === bucketKey(b.buckets[index] ?? { actions: [] })) &&
    canonical(a.selection ?? null) === canonical(b.selection ?? null)
  );
}
