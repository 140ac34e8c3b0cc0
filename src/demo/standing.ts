import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcesses, removeLab, startTicksOf } from '../lab/index.ts';

/** A process for ever: its pid may be used again, but not with the same start. */
export interface ProcessMark {
  readonly pid: number;
  readonly startTicks: string;
}

/** What a demo's directory says of it: enough to end it when the process that made it is gone. */
export interface Standing {
  readonly lab: string;
  readonly controllers: readonly ProcessMark[];
  /** The demo's own process; null once it was left running on purpose. */
  readonly owner: ProcessMark | null;
}

const prefix = 'weir-demo-';
const fileName = 'demo.json';
const endMs = 5000;

export async function markOf(pid: number): Promise<ProcessMark> {
  return { pid, startTicks: (await startTicksOf(pid)) ?? '' };
}

export function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), prefix));
}

export async function record(directory: string, standing: Standing): Promise<void> {
  await writeFile(join(directory, fileName), JSON.stringify(standing));
}

/** Ends what belongs to a demo: controllers, lab, files. Parts that are not there any more are no error. */
export async function endStanding(directory: string, { controllers, lab }: Standing): Promise<void> {
  const alive = await Promise.all(controllers.map(lives));
  await endGently(controllers.filter((_, index) => alive[index]).map(({ pid }) => pid));
  await removeLab(lab);
  await rm(directory, { recursive: true, force: true });
}

/** Lets processes end by themselves, also those that stand still, and ends those that do not. */
export async function endGently(pids: readonly number[]): Promise<void> {
  await endProcesses(pids, 'SIGCONT', 0);
  const left = await endProcesses(pids, 'SIGTERM', endMs);
  if (left.length > 0) await endProcesses(left, 'SIGKILL');
}

/** Ends demos whose process was killed before it could do so. Returns the names of those that were left running on purpose. */
export async function reclaimDemos(): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const { directory, standing } of await demos()) {
    if (standing.owner === null) kept.push(standing.lab);
    else if (!(await lives(standing.owner))) await endStanding(directory, standing);
  }
  return kept;
}

/** Ends every demo that was left running, on purpose or because its process was killed. Returns their names. */
export async function endLeftDemos(): Promise<readonly string[]> {
  const ended: string[] = [];
  for (const { directory, standing } of await demos()) {
    if (standing.owner !== null && (await lives(standing.owner))) continue;
    await endStanding(directory, standing);
    ended.push(standing.lab);
  }
  return ended;
}

async function lives({ pid, startTicks }: ProcessMark): Promise<boolean> {
  return (await startTicksOf(pid)) === startTicks;
}

const isWhole = (record: Partial<Standing>): record is Standing =>
  typeof record.lab === 'string' && Array.isArray(record.controllers) && record.owner !== undefined;

/** A directory without a readable record belongs to a demo that is just beginning. */
async function demos(): Promise<readonly { directory: string; standing: Standing }[]> {
  const directories = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix)).map((name) => join(tmpdir(), name));
  const found = await Promise.all(
    directories.map(async (directory) => {
      try {
        const record = JSON.parse(await readFile(join(directory, fileName), 'utf8')) as Partial<Standing>;
        return isWhole(record) ? { directory, standing: record } : undefined;
      } catch {
        return undefined;
      }
    }),
  );
  return found.filter((demo) => demo !== undefined);
}
