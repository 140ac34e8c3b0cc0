/** The Internet checksum (RFC 1071) over several byte strings in a row, each of which but the last has an even length. */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let offset = 0; offset < part.length; offset += 2) sum += ((part[offset] ?? 0) << 8) | (part[offset + 1] ?? 0);
    sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
