/**
 * Cookies tell whose flow it is: 16 bits of Weir's tag, then 48 bits of the owning element's key, hashed. A hint for people and
 * counters; what is installed is compared by its content, never by its cookie alone.
 */
const tag = 0x5745;
const tagShift = 48n;

/** What every flow of ours has in its cookie, and where. */
export const ownCookies = { cookie: BigInt(tag) << tagShift, cookieMask: 0xffffn << tagShift } as const;
export const wholeCookie = 0xffff_ffff_ffff_ffffn;

/** FNV-1a over UTF-16 code units, two lanes of 24 bits. */
export function cookieOf(owner: string): bigint {
  return ownCookies.cookie | BigInt(ownerNumber(owner));
}

/** The owner's 48 bits of its cookies: a number that is safe. */
export function ownerNumber(owner: string): number {
  let high = 0x811c9d;
  let low = 0x9dc5a7;
  for (let index = 0; index < owner.length; index++) {
    const unit = owner.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x00010dcd) + index;
  }
  return (high & 0xffffff) * 0x100_0000 + ((low ^ (low >>> 13)) & 0xffffff);
}

/** The owner's number in a cookie given in halves; undefined when the cookie is not one of ours. */
export function ownerNumberIn(cookieHigh: number, cookieLow: number): number | undefined {
  return cookieHigh >>> 16 === tag ? (cookieHigh & 0xffff) * 0x1_0000_0000 + cookieLow : undefined;
}
