import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { openTelemetry } from '../../src/telemetry/index.ts';
import { startWeir } from '../../src/weir.ts';
import { documentTable } from '../support/document-table.ts';

/** docs/operations.md names the metrics that there are, no more and no less; its codes of errors are compared in test/api/errors.test.ts. */

test('every metric has a row, and every row is a metric', async () => {
  const data = mkdtempSync(join(tmpdir(), 'weir-metrics-'));
  const config = loadConfig({ file: undefined, flags: { data, listen: '127.0.0.1:0' }, environment: {}, workingDirectory: data });
  const weir = await startWeir(config, openTelemetry({ logLevel: 'silent', processMetrics: true }), '0.0.0', {
    onLost: (error) => {
      throw error;
    },
  });
  try {
    const text = await (await fetch(`${weir.addresses.api}/metrics`)).text();
    const exposed = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
    expect(
      documentTable('operations.md', 'metric')
        .map(([name = '']) => name)
        .toSorted(),
    ).toEqual(exposed.toSorted());
  } finally {
    await weir.close();
    rmSync(data, { recursive: true });
  }
});
