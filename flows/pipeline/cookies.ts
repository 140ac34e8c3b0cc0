/**
 * Cookies tell whose flow it is: 16 bits of Weir's tag, then 48 bits of the owning element's key, hashed. A hint for people and
 * counters; what is installed is compared by its content, never by its cookie alone.
 */
const tag = 0x5745n;

/** FNV-1a over UTF-16 code units, two lanes of 24 bits. */
export function cookieOf(owner: string): bigint {
  let high = 0x811c9d;
  let low = 0x9dc5a7;
  for (let index = 0; index < owner.length; index++) {
    const unit = owner.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x00010dcd) + index;
  }
  return (tag << 48n) | (BigInt(high & 0xffffff) << 24n) | BigInt((low ^ (low >>> 13)) & 0xffffff);
}
