import type { Arena } from './arena.ts';

/** Rows of equal size in one block, whose offset stands in the header. Numbers of rows that were freed are used again. */
export class Rows {
  private readonly arena: Arena;
  private readonly at: number;
  private readonly size: number;
  private readonly free: number[] = [];
  private capacity = 16;
  private next = 0;

  constructor(arena: Arena, at: number, size: number) {
    this.arena = arena;
    this.at = at;
    this.size = size;
    const offset = arena.allocate(this.capacity * size);
    arena.words[at] = offset;
  }

  /** The row's words are zero. */
  add(): number {
    const known = this.free.pop();
    const row = known ?? this.next++;
    if (row >= this.capacity) this.reserve(this.capacity * 2);
    const offset = this.offset(row);
    this.arena.words.fill(0, offset, offset + this.size);
    return row;
  }

  remove(row: number): void {
    this.free.push(row);
  }

  offset(row: number): number {
    return (this.arena.words[this.at] ?? 0) + row * this.size;
  }

  get(row: number, field: number): number {
    return this.arena.words[this.offset(row) + field] ?? 0;
  }

  set(row: number, field: number, value: number): void {
    this.arena.words[this.offset(row) + field] = value;
  }

  private reserve(capacity: number): void {
    const offset = this.arena.resize(this.arena.words[this.at] ?? 0, this.capacity * this.size, capacity * this.size);
    this.arena.words[this.at] = offset;
    this.capacity = capacity;
  }
}
