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

export function meterKey(meter: Pick<Meter, 'meterId'>): number {
  return meter.meterId;
}

export function metersEqual(a: Meter, b: Meter): boolean {
  return canonical(a) === canonical(b);
}
