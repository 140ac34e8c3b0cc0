import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLogger } from '../../src/telemetry/logger.ts';

test('a line is one JSON object, and there at once', () => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-log-'));
  const file = join(directory, 'log');
  const descriptor = openSync(file, 'w');
  const log = openLogger('warn', descriptor);
  log.warn({ host: 'hv1' }, 'a warning');
  log.info({}, 'below the level');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ level: 'warn', time: expect.any(String), host: 'hv1', msg: 'a warning' });
  closeSync(descriptor);
  rmSync(directory, { recursive: true });
});

test('a log that cannot be written stops nothing', () => {
  const full = openSync('/dev/full', 'w');
  const log = openLogger('info', full);
  for (let line = 0; line < 3; line++) log.error({ line }, 'lost');
  closeSync(full);
});
