import type { Selector, SelectorRequirement } from '../model/kinds.ts';
import type { Labels, Membership } from '../selectors/index.ts';

/** Values that a label may have: those listed, or all but those; and whether the label may be absent. */
export interface ValueSet {
  readonly isComplement: boolean;
  readonly values: ReadonlySet<string>;
  readonly absent: boolean;
}

/**
 * Which interfaces a selector means, whoever exists: for each key that it says something of, the values that are allowed. Keys
 * are independent and values are unbounded, so that containment and overlap of selectors are decided key by key, exactly.
 * A key that is not there may have any value.
 */
export type LabelBox = ReadonlyMap<string, ValueSet>;

const none: ReadonlySet<string> = new Set();
export const tenantLabel = 'weir.io/tenant';
/** Every interface has these. */
const systemLabels: ReadonlySet<string> = new Set([tenantLabel, 'weir.io/network', 'weir.io/vm', 'weir.io/interface']);

const anythingSet: ValueSet = { isComplement: true, values: none, absent: true };
const presentSet: ValueSet = { isComplement: true, values: none, absent: false };
const universeOf = (key: string): ValueSet => (systemLabels.has(key) ? presentSet : anythingSet);
const one = (value: string): ValueSet => ({ isComplement: false, values: new Set([value]), absent: false });

const isEmpty = (set: ValueSet): boolean => !set.absent && !set.isComplement && set.values.size === 0;

function intersectValues(a: ValueSet, b: ValueSet): ValueSet {
  const absent = a.absent && b.absent;
  if (a.isComplement && b.isComplement) return { isComplement: true, values: new Set([...a.values, ...b.values]), absent };
  if (a.isComplement) return { isComplement: false, values: without(b.values, a.values), absent };
  if (b.isComplement) return { isComplement: false, values: without(a.values, b.values), absent };
  return { isComplement: false, values: new Set([...a.values].filter((value) => b.values.has(value))), absent };
}

const without = (values: ReadonlySet<string>, gone: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...values].filter((value) => !gone.has(value)));

const complement = (set: ValueSet): ValueSet => ({ isComplement: !set.isComplement, values: set.values, absent: !set.absent });

function overlapValues(a: ValueSet, b: ValueSet): boolean {
  if ((a.absent && b.absent) || (a.isComplement && b.isComplement)) return true;
  if (a.isComplement) return hasOther(b.values, a.values);
  if (b.isComplement) return hasOther(a.values, b.values);
  for (const value of a.values) if (b.values.has(value)) return true;
  return false;
}

function hasOther(values: ReadonlySet<string>, known: ReadonlySet<string>): boolean {
  for (const value of values) if (!known.has(value)) return true;
  return false;
}

/** What a requirement allows; of a label that every interface has, absence is never allowed. */
function valuesOf({ key, operator, values }: SelectorRequirement): ValueSet {
  const listed = new Set(values);
  const wanted: Readonly<Record<SelectorRequirement['operator'], ValueSet>> = {
    In: { isComplement: false, values: listed, absent: false },
    NotIn: { isComplement: true, values: listed, absent: true },
    Exists: presentSet,
    DoesNotExist: { isComplement: false, values: none, absent: true },
  };
  return intersectValues(wanted[operator], universeOf(key));
}

/** Undefined when nothing can satisfy it. */
function narrowed(box: LabelBox, key: string, allowed: ValueSet): LabelBox | undefined {
  const before = box.get(key);
  const after = before === undefined ? allowed : intersectValues(before, allowed);
  return isEmpty(after) ? undefined : new Map(box).set(key, after);
}

export const everyInterface: LabelBox = new Map();

export const ofTenants = (tenants: 'all' | readonly string[]): LabelBox | undefined =>
  tenants === 'all'
    ? everyInterface
    : narrowed(everyInterface, tenantLabel, { isComplement: false, values: new Set(tenants), absent: false });

/** Undefined when it can never have a member. */
export function boxOf({ tenants, selector }: Membership): LabelBox | undefined {
  let box = ofTenants(tenants);
  for (const [key, allowed] of constraintsOf(selector)) box = box && narrowed(box, key, allowed);
  return box;
}

function constraintsOf({ matchLabels, matchExpressions }: Selector): readonly (readonly [string, ValueSet])[] {
  return [
    ...Object.entries(matchLabels).map(([key, value]) => [key, one(value)] as const),
    ...matchExpressions.map((requirement) => [requirement.key, valuesOf(requirement)] as const),
  ];
}

export function intersectBoxes(a: LabelBox, b: LabelBox): LabelBox | undefined {
  if (a === b || b.size === 0) return a;
  let box: LabelBox | undefined = a;
  for (const [key, allowed] of b) box = box && narrowed(box, key, allowed);
  return box;
}

export function boxesOverlap(a: LabelBox, b: LabelBox): boolean {
  if (a === b) return true;
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  for (const [key, allowed] of small) {
    const other = large.get(key);
    if (other !== undefined && !overlapValues(allowed, other)) return false;
  }
  return true;
}

/** Whether every interface of `inner` is in `outer`. */
export function boxContains(outer: LabelBox, inner: LabelBox): boolean {
  if (outer === inner) return true;
  for (const [key, allowed] of outer) if (!hasValues(allowed, inner.get(key) ?? universeOf(key))) return false;
  return true;
}

function hasValues(outer: ValueSet, inner: ValueSet): boolean {
  if (inner.absent && !outer.absent) return false;
  if (inner.isComplement) return outer.isComplement && !hasOther(outer.values, inner.values);
  if (!outer.isComplement) return !hasOther(inner.values, outer.values);
  for (const value of inner.values) if (outer.values.has(value)) return false;
  return true;
}

/**
 * Whether a box has the strange interface of another one: that whose labels are as that one lists them, the first value where there are
 * several, and all others are there with a value that no selector names.
 */
export function hasStrangeOf(box: LabelBox, of: LabelBox): boolean {
  for (const [key, allowed] of box) if (!hasStrangeValue(allowed, of.get(key))) return false;
  return true;
}

function hasStrangeValue({ isComplement, values, absent }: ValueSet, of: ValueSet | undefined): boolean {
  if (of === undefined || of.isComplement) return isComplement;
  for (const value of of.values) return values.has(value) !== isComplement;
  return absent;
}

/** How a box stands to another one that it overlaps with: all that `boxContains` and `hasStrangeOf` say. */
export interface Standing {
  readonly contains: boolean;
  readonly within: boolean;
  readonly hasStrange: boolean;
}

/** Of which tenants the interfaces are, as a text; equal for equal ones. */
export function tenantsText(box: LabelBox): string {
  const allowed = box.get(tenantLabel);
  return allowed === undefined ? '' : boxText(new Map([[tenantLabel, allowed]]));
}

/** Whether a box with this for the label is without somebody for that. */
export const isNarrowing = (key: string, allowed: ValueSet): boolean => !hasValues(allowed, universeOf(key));

/** A box as the labels that are narrowing. */
export interface Narrowed {
  readonly box: LabelBox;
  readonly narrowing: readonly (readonly [key: string, allowed: ValueSet])[];
}

/** Of a box to another one, in one go because it is asked of very many; undefined when they do not overlap. */
export function standingOf({ narrowing }: Narrowed, other: Narrowed): Standing | undefined {
  let shared = 0;
  let [contains, within, hasStrange] = [true, true, true];
  for (const [key, allowed] of narrowing) {
    const theirs = other.box.get(key);
    if (theirs === undefined) contains = false;
    else {
      if (!overlapValues(allowed, theirs)) return undefined;
      if (isNarrowing(key, theirs)) shared++;
      contains &&= hasValues(allowed, theirs);
      within &&= hasValues(theirs, allowed);
    }
    hasStrange &&= hasStrangeValue(allowed, theirs);
  }
  return { contains, within: within && shared === other.narrowing.length, hasStrange };
}

/** A value that no document can have. */
const nobodysValue: ValueSet = one('\0');

/** The part in which these labels have a value that no selector names, where they may. */
export function strangeBox(box: LabelBox, keys: ReadonlySet<string>): LabelBox {
  const strange = new Map(box);
  for (const key of keys) if ((box.get(key) ?? universeOf(key)).isComplement) strange.set(key, nobodysValue);
  return strange;
}

/** What of `a` is not in `b`, in disjoint boxes, none of them empty. */
export function subtractBox(a: LabelBox, b: LabelBox): readonly LabelBox[] {
  if (!boxesOverlap(a, b)) return [a];
  const pieces: LabelBox[] = [];
  let rest = a;
  for (const [key, allowed] of b) {
    const own = rest.get(key) ?? universeOf(key);
    const outside = intersectValues(own, complement(allowed));
    if (!isEmpty(outside)) pieces.push(new Map(rest).set(key, outside));
    rest = new Map(rest).set(key, intersectValues(own, allowed));
  }
  return pieces;
}

/** Whether every interface of `inner` is in one of `outer`. */
export function unionContains(outer: readonly LabelBox[], inner: LabelBox): boolean {
  let rest: readonly LabelBox[] = [inner];
  for (const box of outer) {
    if (rest.length === 0) return true;
    if (rest.length > piecesMax) return false;
    rest = rest.flatMap((piece) => subtractBox(piece, box));
  }
  return rest.length === 0;
}

/** More pieces than this are not looked at: containment is then not claimed. */
const piecesMax = 256;

export function boxMatches(box: LabelBox, labels: Labels): boolean {
  for (const [key, { isComplement, values, absent }] of box) {
    if (!Object.hasOwn(labels, key)) {
      if (!absent) return false;
    } else if (values.has(labels[key] ?? '') === isComplement) return false;
  }
  return true;
}

/** Equal boxes have equal texts. */
export function boxText(box: LabelBox): string {
  const keys = [...box.keys()].sort();
  return JSON.stringify(
    keys.map((key) => {
      const { isComplement, values, absent } = box.get(key) ?? anythingSet;
      return [key, isComplement, absent, ...[...values].sort()];
    }),
  );
}

/** The first key with finitely many values, for indexes; tenants last, because all of one scope share them. */
export function finiteKey(box: LabelBox): { readonly key: string; readonly values: ReadonlySet<string> } | undefined {
  let found: { readonly key: string; readonly values: ReadonlySet<string> } | undefined;
  for (const [key, { isComplement, values, absent }] of box) {
    if (isComplement || absent) continue;
    if (found === undefined || found.key === tenantLabel || (key !== tenantLabel && key < found.key)) found = { key, values };
  }
  return found;
}
