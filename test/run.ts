import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { claim, takeAway, takeAwayOrphans } from './support/claim.ts';

/**
 * `make test`: one phase after the other, so that on two cores nothing that measures or waits is starved by the rest. Goes on behind a
 * failed phase; the last line counts all of them. Arguments are handed to vitest (`node test/run.ts -t "port security"`).
 *
 * Everything that tests make stands in one directory, which goes in the end with all that was started from it: also behind ^C, and
 * what a run that was killed left goes with the next one.
 */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const phases = ['unit', 'simulation', 'integration'] as const;
/** A phase that hangs is ended, so that the last line is always written. */
const phaseMinutesMax = 20;
const root = resolve(import.meta.dirname, '..');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

let passed = 0;
let failed = 0;
let skipped = 0;
let interrupted: NodeJS.Signals | undefined;
let endPhase: () => void = () => undefined;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = signal;
    endPhase();
  });
}

// Who listened may have gone at the same ^C.
process.stdout.on('error', () => undefined);

await takeAwayOrphans(tmpdir());
const directory = mkdtempSync(join(tmpdir(), 'weir-test-'));
await claim(directory);
try {
  for (const phase of phases) if (!interrupted) await run(phase);
} finally {
  const left = await takeAway(directory);
  if (left.length > 0 && !interrupted) process.stdout.write(`left by tests, taken away: ${[...new Set(left)].join(', ')}\n`);
}
if (interrupted) {
  process.stdout.write(`ended by ${interrupted}\n`);
  failed++;
}
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

async function run(phase: (typeof phases)[number]): Promise<void> {
  const file = join(directory, `${phase}.json`);
  const started = performance.now();
  process.stdout.write(`\n== ${phase}\n`);
  const ending = await runVitest([
    'run',
    '--project',
    phase,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...process.argv.slice(2),
  ]);
  const failedBefore = failed;
  try {
    count(JSON.parse(readFileSync(file, 'utf8')) as Report);
  } catch (cause) {
    if (interrupted) return;
    process.stdout.write(`${phase}: vitest left no report (${ending}): ${String(cause)}\n`);
    failed++;
  }
  if (ending !== 'exit 0' && failed === failedBefore) failed++;
  process.stdout.write(`== ${phase}: ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
}

/** In a process group of its own: ^C comes to us alone, and ends all of it. */
function runVitest(options: readonly string[]): Promise<string> {
  const environment = { ...process.env, TMPDIR: directory, WEIR_LAB_DIR: join(directory, 'labs') };
  const child = spawn(process.execPath, [vitest, ...options], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  endPhase = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  const limit = setTimeout(() => endPhase(), phaseMinutesMax * 60_000);
  return new Promise((resolveEnding) => {
    child.once('error', (error) => resolveEnding(error.message));
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      resolveEnding(signal ? `ended by ${signal}` : `exit ${code}`);
    });
  });
}

function count(report: Report): void {
  passed += report.numPassedTests;
  // A file that cannot be loaded has no tests, but is no success.
  failed +=
    report.numFailedTests + report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  skipped += report.numPendingTests;
}
