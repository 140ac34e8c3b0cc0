import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * `make test`: one phase after the other, so that on two cores nothing that measures or waits is starved by the rest. Goes on behind a
 * failed phase; the last line counts all of them. Arguments are handed to vitest (`node test/run.ts -t "port security"`).
 */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const root = resolve(import.meta.dirname, '..');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const directory = mkdtempSync(join(tmpdir(), 'weir-test-'));
let passed = 0;
let failed = 0;
let skipped = 0;

function count(report: Report): void {
  passed += report.numPassedTests;
  // A file that cannot be loaded has no tests, but is no success.
  failed +=
    report.numFailedTests + report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  skipped += report.numPendingTests;
}

try {
  for (const phase of ['unit', 'integration']) {
    const file = join(directory, `${phase}.json`);
    const started = performance.now();
    process.stdout.write(`\n== ${phase}\n`);
    const options = [
      'run',
      '--project',
      phase,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...process.argv.slice(2),
    ];
    const { status, error } = spawnSync(process.execPath, [vitest, ...options], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    const failedBefore = failed;
    try {
      count(JSON.parse(readFileSync(file, 'utf8')) as Report);
    } catch (cause) {
      process.stdout.write(`${phase}: vitest left no report (${error?.message ?? `exit ${status}`}): ${String(cause)}\n`);
      failed++;
    }
    if (status !== 0 && failed === failedBefore) failed++;
    process.stdout.write(`== ${phase}: ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
