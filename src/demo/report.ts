import { createColors } from 'picocolors';
import type { Row } from './act.ts';
import { spell } from './act.ts';
import type { TimedHook } from './hook-times.ts';

export interface ReportOptions {
  readonly write: (text: string) => void;
  /** Somebody looks at it: colours and a line that shows what is going on. */
  readonly live: boolean;
  readonly colours: boolean;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Prints the demo as it goes, and keeps count. */
export class Report {
  readonly #options: ReportOptions;
  readonly #paint: ReturnType<typeof createColors>;
  readonly #begin = performance.now();
  #asExpected = 0;
  #not = 0;
  #hushed = false;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.#paint = createColors(options.colours);
  }

  get failed(): number {
    return this.#not;
  }

  title(text: string): void {
    this.#line(this.#paint.bold(text));
  }

  say(text: string): void {
    this.#line(text);
  }

  /** From here on nothing is printed. */
  hush(): void {
    this.#write(this.#options.live ? '\r\x1b[K' : '');
    this.#hushed = true;
  }

  /** Shows what is going on until the work is done; into a file nothing is shown. */
  async during<T>(title: string, work: (note: (text: string) => void) => Promise<T>): Promise<T> {
    if (!this.#options.live) return work(() => undefined);
    const begin = performance.now();
    let note = '';
    let frame = 0;
    const draw = (): void => {
      const seconds = ((performance.now() - begin) / 1000).toFixed(1);
      frame = (frame + 1) % frames.length;
      this.#write(`\r\x1b[K${this.#paint.cyan(frames[frame] ?? '')} ${title}${this.#paint.dim(`  ${note} ${seconds} s`)}`);
    };
    const timer = setInterval(draw, 100);
    draw();
    try {
      return await work((text) => {
        note = text;
        draw();
      });
    } finally {
      clearInterval(timer);
      this.#write('\r\x1b[K');
    }
  }

  /** One act: its title, how long it took, and its rows in columns. */
  act(number: number, title: string, elapsedMs: number, rows: readonly Row[]): void {
    const { bold, dim, green, red } = this.#paint;
    const width = (column: (row: Row) => string): number => Math.max(...rows.map((row) => column(row).length), 8);
    const widths = [width((row) => row.what), width((row) => row.expected), width((row) => row.seen)] as const;
    const cells = (what: string, expected: string, seen: string): string =>
      `   ${what.padEnd(widths[0])}  ${expected.padEnd(widths[1])}  ${seen.padEnd(widths[2])}`;
    this.#line('');
    this.#line(`${bold(`${String(number).padStart(2)} ${title}`)}  ${dim(spell(elapsedMs))}`);
    this.#line(dim(cells('', 'expected', 'seen')));
    for (const { what, expected, seen, ok, details = [] } of rows) {
      if (ok) this.#asExpected++;
      else this.#not++;
      this.#line(`${cells(what, expected, seen)}  ${ok ? green('ok') : red(bold('NOT'))}`);
      for (const detail of details) this.#line(dim(`      ${detail}`));
    }
  }

  /** Hooks with the same parts share a table. */
  hooks(timed: readonly TimedHook[]): void {
    const { bold, dim } = this.#paint;
    this.#line('');
    this.#line(`${bold('   What each hook took')}  ${dim('median / longest in milliseconds, as the hooks tell it')}`);
    for (const group of Map.groupBy(timed, ({ parts }) => parts.map(({ name }) => name).join()).values()) {
      const head = ['', 'calls', ...(group[0]?.parts.map(({ name }) => name) ?? [])];
      const figures = group.map(({ hook, calls, parts }) => [
        hook,
        String(calls),
        ...parts.map(({ medianMs, maxMs }) => `${medianMs.toFixed(1)} / ${maxMs.toFixed(1)}`),
      ]);
      const widths = head.map((_, column) => Math.max(...[head, ...figures].map((cells) => cells[column]?.length ?? 0), 6));
      const line = (cells: readonly string[]): string =>
        cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ');
      this.#line(dim(`   ${line(head)}`));
      for (const cells of figures) this.#line(`   ${line(cells)}`);
    }
  }

  /** What Weir itself complained of, for whoever looks for the reason of a difference. */
  complaints(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#line('');
    this.#line(this.#paint.bold("   The last warnings and errors in Weir's log"));
    for (const line of lines) this.#line(`   ${line}`);
  }

  end(): void {
    const { bold, green, red } = this.#paint;
    const text = `${this.#asExpected} as expected, ${this.#not} not`;
    this.#line('');
    this.#line(`${bold(this.#not === 0 ? green(text) : red(text))} in ${spell(performance.now() - this.#begin)}`);
  }

  #write(text: string): void {
    if (!this.#hushed) this.#options.write(text);
  }

  #line(text: string): void {
    this.#write(`${text.trimEnd()}\n`);
  }
}
