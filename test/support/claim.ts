import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execute } from '../../src/lab/command.ts';
import { endProcesses, removeLab, startTicksOf } from '../../src/lab/index.ts';
import { namesIn, runIpTolerant } from '../../src/lab/namespace.ts';

/** Whose a temporary directory is, and the network namespaces that go with it. */
interface Claim {
  readonly owner: { readonly pid: number; readonly startTicks: string };
  readonly namespaces: readonly string[];
}

const fileName = 'claim.json';
/** What a lab has in its directory, whose name is the lab's; a checkout has directories of that name, too. */
const ofLabPattern = /(^|\/)[a-z][a-z0-9]{0,7}\/numbers$/;

/** Says in the directory that this process made it, so that who finds it later knows whether it is an orphan. */
export async function claim(directory: string, namespaces: readonly string[] = []): Promise<void> {
  const owner = { pid: process.pid, startTicks: (await startTicksOf(process.pid)) ?? '' };
  await writeFile(join(directory, fileName), JSON.stringify({ owner, namespaces } satisfies Claim));
}

/**
 * Takes a directory away with everything that was started from it: processes that have it in their environment, as `TMPDIR` or
 * `OVS_RUNDIR`, mounts, labs, namespaces, files. Parts that are gone already are no error.
 * @returns what was still there besides files
 */
export async function takeAway(directory: string): Promise<readonly string[]> {
  const left: string[] = [];
  // What is killed may just have started something.
  for (let pids = await processesOf(directory); pids.length > 0; pids = await processesOf(directory)) {
    left.push(...(await Promise.all(pids.map(nameOf))));
    const stuck = await endProcesses(pids);
    if (stuck.length > 0) throw new Error(`processes ${stuck.join(', ')} do not end`);
  }
  for (const mount of await mountsIn(directory)) {
    await execute(['umount', '--lazy', mount]);
    left.push(`mount ${mount}`);
  }
  const paths = await readdir(directory, { recursive: true }).catch(() => []);
  // The directory of a lab's guest numbers is made with the lab's own.
  for (const lab of paths.filter((path) => ofLabPattern.test(path)).map((path) => join(directory, dirname(path))))
    if (await removeLab(basename(lab), dirname(lab))) left.push(`lab ${basename(lab)}`);
  for (const path of paths.filter((each) => basename(each) === fileName)) {
    const namespaces = (await claimIn(join(directory, dirname(path))))?.namespaces ?? [];
    const present = namespaces.filter((name) => name !== '');
    const complaint = await runIpTolerant(present.map((netns) => `netns delete ${netns}`));
    if (complaint === '') left.push(...present.map((netns) => `namespace ${netns}`));
  }
  await rm(directory, { recursive: true, force: true });
  return left;
}

/** Takes away what tests left in `parent` whose process is gone. */
export async function takeAwayOrphans(parent: string): Promise<void> {
  for (const name of await namesIn(parent)) {
    const directory = join(parent, name);
    if (name.startsWith('weir-') && (await isOrphan(directory))) await takeAway(directory);
  }
}

async function isOrphan(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch(() => []);
  const labs = await Promise.all(names.map((name) => readJson<Pick<Claim, 'owner'>>(join(directory, name, 'lab.json'))));
  const owners = [await claimIn(directory), ...labs].map((each) => each?.owner).filter((owner) => owner !== undefined && owner !== null);
  const lives = await Promise.all(owners.map(async ({ pid, startTicks }) => (await startTicksOf(pid)) === startTicks));
  return owners.length > 0 && !lives.includes(true);
}

const claimIn = (directory: string): Promise<Claim | undefined> => readJson<Claim>(join(directory, fileName));

/** Undefined for a file that is not there, or is being written. */
async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

async function processesOf(directory: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')));
  const has = (environment: string): boolean => environment.includes(`=${directory}\0`) || environment.includes(`=${directory}/`);
  const alive = await Promise.all(pids.map(startTicksOf));
  return pids.filter((pid, index) => pid !== process.pid && alive[index] !== undefined && has(environments[index] ?? ''));
}

/** What is mounted below a directory, innermost first. */
async function mountsIn(directory: string): Promise<readonly string[]> {
  const places = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  return places.filter((place) => place.startsWith(`${directory}/`)).toReversed();
}

async function nameOf(pid: number): Promise<string> {
  return `process ${(await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => String(pid))).trim()}`;
}
