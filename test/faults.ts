import { Dice } from './faults/dice.ts';
import { faultKinds } from './faults/faults.ts';
import { runOutside } from './faults/outside.ts';

/**
 * `make faults`: clusters of real processes, each under a random schedule of faults, for MINUTES (10 when absent) from SEED (a random one when absent).
 * Ends with the seed that fails, which `make faults SEED=N MINUTES=1` repeats as far as a machine repeats itself. FAULTS names what may go wrong.
 */
const firstSeed = Number(process.env['SEED'] || Math.floor(Math.random() * 0x7fff_ffff));
const minutes = Number(process.env['MINUTES'] || 10);
const kinds = faultKinds.filter((kind) => !process.env['FAULTS'] || process.env['FAULTS'].split(',').includes(kind));
const endsAt = performance.now() + minutes * 60_000;
const faultsPerSession = 8;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
const say = (line: string): void => void process.stdout.write(`faults: ${line}\n`);

say(`from seed ${firstSeed}, ${minutes} minutes`);
for (let seed = firstSeed; performance.now() < endsAt && !interrupted.signal.aborted && process.exitCode === undefined; seed++) {
  const dice = new Dice(seed);
  const members = dice.below(3) === 0 ? 5 : 3;
  const schedule = Array.from({ length: faultsPerSession }, () => dice.of(kinds));
  say(`seed ${seed}, ${members} members: ${schedule.join(', ')}`);
  try {
    const { faults, figures } = await runOutside({ members, seed, schedule, holdMs: 1_000 + dice.below(5_000) }, say, interrupted.signal);
    say(JSON.stringify(figures));
    if (faults.length > 0) fail(seed, faults.join('\n'));
  } catch (error) {
    if (!interrupted.signal.aborted) fail(seed, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function fail(seed: number, what: string): void {
  say(`FAILED with seed ${seed}\n${what}`);
  process.exitCode = 1;
}
