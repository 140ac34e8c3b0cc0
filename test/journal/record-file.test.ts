import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordFile } from '../../src/journal/record-file.ts';
import { recordWith } from './records.ts';

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'weir-records-'))));
afterEach(() => rmSync(directory, { recursive: true }));

const idsIn = (path: string): readonly number[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id: number }).id);

test('lines are appended, over restarts too', async () => {
  const path = join(directory, 'log');
  const problems: string[] = [];
  for (const ids of [[1, 2], [3]]) {
    const file = new RecordFile({ path, bytesMax: 1_000_000, onProblem: (reason) => problems.push(reason) });
    for (const id of ids) file.write(recordWith({ id }));
    await file.close();
  }
  expect(idsIn(path)).toEqual([1, 2, 3]);
  expect(problems).toEqual([]);
});

test('a file that would grow too large makes room for another, and one before is kept', async () => {
  const path = join(directory, 'log');
  const lineBytes = JSON.stringify(recordWith({ id: 10 })).length + 1;
  const file = new RecordFile({ path, bytesMax: lineBytes * 4, onProblem: () => undefined });
  for (let id = 10; id < 20; id++) file.write(recordWith({ id }));
  await file.close();
  await expect
    .poll(() => [idsIn(`${path}.1`), idsIn(path)])
    .toEqual([
      [14, 15, 16, 17],
      [18, 19],
    ]);
});

test('a file that cannot be written is told of once, and stops nothing', async () => {
  const problems: string[] = [];
  const file = new RecordFile({ path: join(directory, 'missing', 'log'), bytesMax: 1000, onProblem: (reason) => problems.push(reason) });
  for (let id = 0; id < 5; id++) file.write(recordWith({ id }));
  await expect.poll(() => problems.length).toBe(1);
  for (let id = 0; id < 5; id++) file.write(recordWith({ id }));
  await file.close();
  expect(problems).toEqual([expect.stringContaining('ENOENT')]);
});
