import { expect } from 'vitest';
import { measureRate } from '../../src/lab/index.ts';
import type { Guest, Lab, Rate, RateOptions } from '../../src/lab/index.ts';

/**
 * What gets through, between two bounds. Never more: that is the switch's doing. Less, where a machine that is busy did not let the
 * sender offer enough, or not evenly: then it is measured again.
 */
export async function measuredWithin(
  lab: Lab,
  from: Guest,
  to: Guest,
  address: string,
  options: RateOptions,
  [leastMbps, mostMbps]: readonly [number, number],
): Promise<Rate> {
  for (let turn = 1; ; turn++) {
    const rate = await measureRate(lab, from, to, address, options);
    expect(rate.receivedMbps).toBeLessThan(mostMbps);
    if (rate.receivedMbps > leastMbps) return rate;
    expect(turn, `only ${rate.receivedMbps} Mbit/s`).toBeLessThan(8);
  }
}
