/** Orders strings as their UTF-8 bytes are ordered, which differs from UTF-16 order for characters beyond U+FFFF. */
export function compareKeys(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return bytesRank(a) - bytesRank(b);
  }
  return left.length - right.length;
}

/** Surrogates encode characters above all others of one code unit, so they go behind U+E000-U+FFFF. */
function bytesRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
