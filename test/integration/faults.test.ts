import { expect, test } from 'vitest';
import type { FaultKind } from '../faults/faults.ts';
import { runOutside } from '../faults/outside.ts';

/** What else may go wrong, and for how long, `make faults` tries. */
const schedule: readonly FaultKind[] = [
  'kill-leader',
  'freeze-leader',
  'part-leader',
  'deafen-follower',
  'flap-leader',
  'lose-packets',
  'fill-leader',
  'fail-leader',
  'slow-follower',
  'transfer',
  'change-members',
];

test('three controllers lose nothing, whatever goes wrong with one of them', async () => {
  const seed = Number(process.env['SEED'] || Math.floor(Math.random() * 0x7fff_ffff));
  const course: string[] = [];
  const { faults, figures } = await runOutside({ members: 3, seed, schedule, holdMs: 1_500 }, (line) => course.push(line));
  expect(faults.join('\n'), `seed ${seed}\n${course.join('\n')}\n${JSON.stringify(figures)}`).toBe('');
  expect(course).toHaveLength(schedule.length);
  expect(figures.acknowledged).toBeGreaterThan(100);
  expect(figures.reads).toBeGreaterThan(100);
});
