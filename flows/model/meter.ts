import { canonical } from './canonical.ts';

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
function effective(meter: Meter): Meter {
  if (meter.burst) return meter;
  return { ...meter, bands: meter.bands.map((band) => (band.kind === 'unknown' ? band : { ...band, burst: 0 })) };
}

export function metersEqual(a: Meter, b: Meter): boolean {
  return canonical(effective(a)) === canonical(effective(b));
}
