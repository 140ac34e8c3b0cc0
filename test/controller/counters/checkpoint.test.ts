import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkpointFile } from '../../../src/controller/counters/checkpoint.ts';
import type { LedgerState } from '../../../src/controller/counters/ledger.ts';

const directory = mkdtempSync(join(tmpdir(), 'weir-checkpoint-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const state: LedgerState = {
  rules: [[7, 1, 2, 3, null, 4]],
  hosts: [{ name: 'hv1', version: '1.5', wallMs: 5, flows: [6, 7, 8] }],
};

test('what was written is read; before there is nothing', async () => {
  const file = checkpointFile(join(directory, 'counters'));
  expect(file.read()).toBeUndefined();
  await file.write({ rules: [], hosts: [] });
  await file.write(state);
  expect(file.read()).toEqual(state);
});

test('a file that was cut or altered anywhere is damaged, and one that cannot be written is told', async () => {
  const path = join(directory, 'damaged');
  const file = checkpointFile(path);
  await file.write(state);
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    expect(() => file.read(), `${length} bytes`).toThrow(expect.objectContaining({ code: 'counters-damaged' }));
  }
  for (let at = 0; at < whole.length; at++) {
    const altered = Buffer.from(whole);
    altered[at] = (altered[at] ?? 0) ^ 1;
    writeFileSync(path, altered);
    expect(() => file.read(), `byte ${at}`).toThrow(expect.objectContaining({ code: 'counters-damaged' }));
  }
  await expect(checkpointFile(join(directory, 'missing', 'counters')).write(state)).rejects.toThrow('ENOENT');
});
