import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { expectSuccess } from '../../src/lab/command.ts';
import { endProcesses, startTicksOf } from '../../src/lab/index.ts';
import { takeAway, takeAwayOrphans } from '../support/claim.ts';
import { RealSwitch } from './session-switch.ts';

/** What a test leaves when it is killed goes with the next run; what belongs to one that runs stays. */

const parent = mkdtempSync(join(tmpdir(), 'weir-claims-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

const module = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
const namespaces = (): readonly string[] => (existsSync('/run/netns') ? readdirSync('/run/netns') : []);
const directories = (): readonly string[] => readdirSync(parent).map((name) => join(parent, name));

/** A process that has made a switch and a lab below `parent`, and waits. */
async function maker(): Promise<{ readonly end: () => Promise<void>; readonly made: readonly string[] }> {
  const script = `
    const { RealSwitch } = await import(${module('./session-switch.ts')});
    const { startLab } = await import(${module('../../src/lab/index.ts')});
    const { mkdtempSync } = await import('node:fs');
    const real = await RealSwitch.start('OpenFlow15');
    const lab = await startLab({ hosts: 1, directory: mkdtempSync(${JSON.stringify(join(parent, 'weir-lab-'))}), managers: [] });
    console.log([real.namespace, lab.plan.underlay.netns, lab.plan.hosts[0].netns].join(' '));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: parent },
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const closed = once(child, 'exit');
  return {
    made: line.toString().trim().split(' '),
    end: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

test('an orphan’s processes, namespaces and files go; those of a process that lives stay', async () => {
  const { made, end } = await maker();
  expect(made).toHaveLength(3);
  await takeAwayOrphans(parent);
  expect(namespaces()).toEqual(expect.arrayContaining([...made]));
  expect(directories()).toHaveLength(2);
  await end();
  await takeAwayOrphans(parent);
  expect(namespaces().filter((name) => made.includes(name))).toEqual([]);
  expect(directories()).toEqual([]);
});

test('what is taken away is told', async () => {
  const real = await RealSwitch.start('OpenFlow15');
  const pid = await real.pid();
  const disk = join(real.dir, 'disk');
  mkdirSync(disk);
  await expectSuccess(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', disk]);
  expect(await takeAway(real.dir)).toEqual(
    expect.arrayContaining(['process ovs-vswitchd', 'process ovsdb-server', `mount ${disk}`, `namespace ${real.namespace}`]),
  );
  expect(existsSync(real.dir)).toBe(false);
  expect(await startTicksOf(pid)).toBeUndefined();
  expect(await takeAway(real.dir)).toEqual([]);
  expect(await endProcesses([pid])).toEqual([]);
});
