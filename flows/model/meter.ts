/** `rate` and `burst` count in the meter's unit: kilobits (a second), or packets. */
export type MeterBand =
  | { readonly kind: 'drop'; readonly rate: number; readonly burst: number }
  | {
      readonly kind: 'dscp_remark';
      readonly rate: number;
      readonly burst: number;
      readonly precLevel: number;
    }
  /** Whole band as it stands on the wire, hexadecimal. */
  | { readonly kind: 'unknown'; readonly bytes: string };

export interface Meter {
  readonly meterId: number;
  readonly unit: 'kbps' | 'pktps';
  /** Take `burst` of the bands. */
  readonly burst: boolean;
  readonly stats: boolean;
  readonly bands: readonly MeterBand[];
}

/** Open vSwitch answers with a burst of its own for a meter that does not take bursts: it does not count there. */
export function metersEqual(a: Meter, b: Meter): boolean {
  return (
    a.meterId === b.meterId &&
    a.unit === b.unit &&
    a.burst === b.burst &&
    a.stats === b.stats &&
    a.bands.length === b.bands.length &&
    a.bands.every((band, at) => bandsEqual(band, b.bands[at], a.burst))
  );
}

function bandsEqual(a: MeterBand, b: MeterBand | undefined, burstCounts: boolean): boolean {
  if (a.kind === 'unknown') return b?.kind === 'unknown' && a.bytes === b.bytes;
  if (a.kind !== b?.kind || a.rate !== b.rate || (burstCounts && a.burst !== b.burst)) return false;
  return a.kind === 'drop' || b.kind === 'drop' || a.precLevel === b.precLevel;
}
