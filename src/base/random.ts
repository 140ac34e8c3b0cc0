/** Randomness is an argument: rooms that need it take a Random, so that a test can repeat what it did. */
export interface Random {
  /** Fills the array with random bytes and returns it. */
  randomize(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
}

export const systemRandom: Random = {
  randomize: (bytes) => crypto.getRandomValues(bytes),
};

/** A random UUID (RFC 9562, version 4). */
export function randomUuid(random: Random): string {
  const bytes = random.randomize(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
