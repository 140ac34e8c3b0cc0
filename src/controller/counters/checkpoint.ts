import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { reasonOf, WeirError } from '../../base/errors.ts';
import type { LedgerState } from './ledger.ts';

/** Where the ledger outlives the process. What is lost of it is lost of counters only. */
export interface Checkpoint {
  /** Undefined when there is none. @throws WeirError `counters-damaged` when there is one that cannot be read */
  read(): LedgerState | undefined;
  /** Takes the place of the last one as a whole. */
  write(state: LedgerState): Promise<void>;
}

const version = 1;
const bytesMax = 512 * 1024 * 1024;

/** One file: the checksum of the second line, and the state as JSON. */
export function checkpointFile(path: string): Checkpoint {
  return { read: () => readState(path), write: (state) => writeState(path, state) };
}

const checksumOf = (text: string): string => createHash('sha256').update(text).digest('hex');

function readState(path: string): LedgerState | undefined {
  const damaged = (reason: string, cause?: unknown): WeirError =>
    new WeirError('counters-damaged', `${path}: ${reason}`, cause === undefined ? {} : { cause });
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > bytesMax) throw damaged(`${size} bytes are more than counters take`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof WeirError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw damaged(reasonOf(error), error);
  }
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  if (end < 0 || checksumOf(body) !== text.slice(0, end)) throw damaged('its checksum is wrong');
  const parsed = JSON.parse(body) as { readonly version: number; readonly state: LedgerState };
  if (parsed.version !== version) throw damaged(`it has version ${parsed.version}, and this program writes ${version}`);
  return parsed.state;
}

async function writeState(path: string, state: LedgerState): Promise<void> {
  const body = JSON.stringify({ version, state });
  const beside = `${path}.new`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(`${checksumOf(body)}\n${body}`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
}
