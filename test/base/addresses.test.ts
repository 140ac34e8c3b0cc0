import { isIPv4, isIPv6 } from 'node:net';
import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { formatAddress, parseAddress } from '../../src/base/addresses.ts';
import type { Address } from '../../src/base/addresses.ts';

const seed = 71_000;

function read(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}

/** Groups of which some are empty, too long or no hexadecimal, and perhaps a dotted quad behind them. */
function randomText(random: Random): string {
  const quad = (): string =>
    Array.from({ length: random.chance(0.9) ? 4 : random.integer(1, 5) }, () =>
      random.chance(0.05) ? `0${random.integer(0, 9)}` : String(random.integer(0, random.chance(0.1) ? 300 : 255)),
    ).join('.');
  if (random.chance(0.3)) return quad();
  const group = (): string => {
    if (random.chance(0.02)) return random.pick(['g', '12345', ' 1', '-']);
    const text = random.integer(0, 0xffff).toString(16);
    return random.chance(0.1) ? text.toUpperCase() : random.chance(0.1) ? text.padStart(4, '0') : text;
  };
  const groups = (most: number): string => Array.from({ length: random.integer(0, most) }, group).join(':');
  const text = random.chance(0.7)
    ? `${groups(5)}::${groups(4)}`
    : Array.from({ length: random.chance(0.9) ? 8 : random.integer(6, 9) }, group).join(':');
  return random.chance(0.15) ? text.replace(/[^:]*:?[^:]*$/, quad()) : text;
}

test('an address is one where the platform says so, and has one spelling', () => {
  const random = new Random(seed);
  let good = 0;
  for (let at = 0; at < 8_000; at++) {
    const text = randomText(random);
    const address = read(text);
    const family = isIPv4(text) ? 4 : isIPv6(text) ? 6 : undefined;
    expect(address?.family, `seed ${seed}: ${text}`).toBe(family);
    if (address === undefined) continue;
    good++;
    const spelled = formatAddress(address);
    expect(read(spelled), `seed ${seed}: ${text}`).toEqual(address);
    const { hostname } = new URL(`http://${family === 6 ? `[${text}]` : text}/`);
    expect(read(hostname.replace(/[[\]]/g, ''))?.value, `seed ${seed}: ${text}`).toBe(address.value);
  }
  expect(good).toBeGreaterThan(2_000);
});
