/** Small numbers that are used again when they were given back. */
export class Numbers {
  private readonly free: number[] = [];
  private next: number;

  constructor(first: number) {
    this.next = first;
  }

  take(): number {
    return this.free.pop() ?? this.next++;
  }

  giveBack(number: number): void {
    this.free.push(number);
  }
}

/** A number for each text in use. */
export class NumberedTexts {
  private readonly known = new Map<string, { readonly number: number; uses: number }>();
  private readonly numbers: Numbers;

  constructor(first: number) {
    this.numbers = new Numbers(first);
  }

  get(text: string): number | undefined {
    return this.known.get(text)?.number;
  }

  get size(): number {
    return this.known.size;
  }

  use(text: string): number {
    let row = this.known.get(text);
    if (row === undefined) this.known.set(text, (row = { number: this.numbers.take(), uses: 0 }));
    row.uses++;
    return row.number;
  }

  drop(text: string): void {
    const row = this.known.get(text);
    if (row === undefined || --row.uses > 0) return;
    this.known.delete(text);
    this.numbers.giveBack(row.number);
  }
}
