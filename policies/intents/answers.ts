const keys = new WeakMap<object, string>();

/** Equal for what is written alike. */
export function keyOf(value: object): string {
  const known = keys.get(value);
  if (known !== undefined) return known;
  const key = JSON.stringify(value);
  keys.set(value, key);
  return key;
}

/** More than there are distinct values; the square is still a whole number. */
const idsMax = 2 ** 26;

/** A question about two values, asked of the same ones again and again: worked out once for all that are written alike. */
export class Answers<T extends object> {
  readonly #ask: (a: T, b: T) => boolean;
  readonly #ids = new Map<string, number>();
  readonly #idOf = new WeakMap<T, number>();
  readonly #known = new Map<number, boolean>();

  constructor(ask: (a: T, b: T) => boolean) {
    this.#ask = ask;
  }

  of(a: T, b: T): boolean {
    const pair = this.#id(a) * idsMax + this.#id(b);
    let answer = this.#known.get(pair);
    if (answer === undefined) this.#known.set(pair, (answer = this.#ask(a, b)));
    return answer;
  }

  #id(value: T): number {
    let id = this.#idOf.get(value);
    if (id !== undefined) return id;
    const key = keyOf(value);
    id = this.#ids.get(key) ?? this.#ids.size;
    this.#ids.set(key, id);
    this.#idOf.set(value, id);
    return id;
  }
}
