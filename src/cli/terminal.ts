import type { Readable } from 'node:stream';
import Table from 'cli-table3';
import { createColors } from 'picocolors';

/** Where a command reads and writes. Tests pass something that keeps what was written. */
export interface Terminal {
  readonly stdin: Readable;
  /** One line or more; the end of the line is added. */
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  readonly colours: ReturnType<typeof createColors>;
}

/** Colours only for people: not into a pipe, not when NO_COLOR asks for none. */
export function processTerminal(): Terminal {
  return {
    stdin: process.stdin,
    print: (text) => void process.stdout.write(`${text}\n`),
    complain: (text) => void process.stderr.write(`${text}\n`),
    colours: createColors(process.stdout.isTTY && process.env['NO_COLOR'] === undefined),
  };
}

/** Columns without frames, as wide as they must be. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[], colours: Terminal['colours']): string {
  const none = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'];
  const lines = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
  const table = new Table({
    head: head.map((title) => colours.bold(title)),
    chars: { ...Object.fromEntries([...none, ...lines].map((name) => [name, ''])), middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
