import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '../base/errors.ts';
import type { Guest } from './guest.ts';
import { namesIn } from './namespace.ts';

/** What a lab's directory says of it: enough for another process, or the next one after a crash, to use or end it. */
export interface LabState {
  readonly name: string;
  readonly number: number;
  readonly hosts: number;
  readonly managers: readonly string[];
  readonly encapFamily: 4 | 6;
  /** The process whose end is the lab's end; null for a lab that stands until it is taken down. */
  readonly owner: { readonly pid: number; readonly startTicks: string } | null;
}

/** The directory that holds labs by name: `WEIR_LAB_DIR`, else under /run. */
export function defaultLabsDirectory(): string {
  return process.env['WEIR_LAB_DIR'] ?? '/run/weir-lab';
}

const statePath = (directory: string): string => join(directory, 'lab.json');
const guestsPath = (directory: string): string => join(directory, 'guests');
const numbersPath = (directory: string): string => join(directory, 'numbers');

/** Makes the directory of a new lab; false when there is one already. */
export async function claimDirectory(directory: string): Promise<boolean> {
  const made = await mkdir(directory, { recursive: true });
  if (made === undefined) return false;
  await Promise.all([mkdir(guestsPath(directory)), mkdir(numbersPath(directory))]);
  return true;
}

/** The last lab takes the directory of all labs along. */
export async function removeLabsDirectory(labs: string): Promise<void> {
  try {
    await rmdir(labs);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

export async function writeLabState(directory: string, state: LabState): Promise<void> {
  await replaceFile(statePath(directory), state);
}

/** Undefined when there is no lab, or one whose start was cut off before it had a number. */
export async function readLabState(directory: string): Promise<LabState | undefined> {
  return readJson<LabState>(statePath(directory));
}

/** A number that no other guest of this lab had or will have, also when several processes plug at once. */
export async function claimGuestNumber(directory: string): Promise<number> {
  const taken = (await namesIn(numbersPath(directory))).map(Number);
  for (let number = Math.max(0, ...taken) + 1; ; number++) {
    if (await createFile(join(numbersPath(directory), String(number)), '')) return number;
  }
}

/** Records a guest before anything of it is made. Throws `guest-exists` when the VM is plugged on that host already. */
export async function claimGuest(directory: string, guest: Guest): Promise<void> {
  if (!(await createFile(guestPath(directory, guest), JSON.stringify(guest)))) {
    throw new WeirError('guest-exists', `${guest.tenant}/${guest.vm} is plugged on ${guest.host} already`);
  }
}

export async function writeGuest(directory: string, guest: Guest): Promise<void> {
  await replaceFile(guestPath(directory, guest), guest);
}

export async function removeGuest(directory: string, guest: Guest): Promise<void> {
  await rm(guestPath(directory, guest), { force: true });
}

export async function readGuests(directory: string): Promise<Guest[]> {
  const names = (await namesIn(guestsPath(directory))).filter((name) => name.endsWith('.json'));
  const guests = await Promise.all(names.map((name) => readJson<Guest>(join(guestsPath(directory), name))));
  return guests.filter((guest) => guest !== undefined).sort((a, b) => a.number - b.number);
}

/** Tenants, VMs and hosts are DNS labels: none holds a tilde. */
function guestPath(directory: string, guest: Guest): string {
  return join(guestsPath(directory), `${guest.tenant}~${guest.vm}~${guest.host}.json`);
}

async function createFile(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Readers see the old file or the new one, never a part. */
async function replaceFile(path: string, value: unknown): Promise<void> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(value, undefined, 2)}\n`);
  await rename(draft, path);
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new WeirError('state-broken', `${path} cannot be read`, { cause: error });
  }
}
