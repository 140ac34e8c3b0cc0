import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export const documentText = (name: string): string => readFileSync(join(root, 'docs', name), 'utf8');

/** The rows of the table of a document whose head begins with this cell; code marks are taken off where they are all of a cell. */
export function documentTable(name: string, head: string): readonly (readonly string[])[] {
  const lines = documentText(name).split('\n');
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  if (first < 0) throw new Error(`docs/${name} has no table that begins with "${head}"`);
  const end = lines.findIndex((line, at) => at > first && !line.startsWith('|'));
  const cells = (line: string): string[] =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1'));
  return lines.slice(first + 2, end).map(cells);
}
