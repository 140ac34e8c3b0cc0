import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { WeirError } from '../../src/base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import { CorruptionError } from '../storage/corruption.ts';
import { replaceFile, syncDirectory } from '../storage/files.ts';

/** Whose data a directory holds. Written before anything else is; who it is stays for ever. */
export interface Identity {
  /** Random, or derived from the founders. Data of two clusters never meets. */
  readonly cluster: string;
  readonly member: MemberId;
  /** Random: tells this directory from another one of a member of that name. */
  readonly instance: string;
  /** Who counted when the directory was begun: nobody at a member that joins. */
  readonly voters: readonly MemberId[];
  /** Where members were then. */
  readonly places: Readonly<Record<MemberId, string>>;
}

/** Who a member is to the others. */
export interface MemberName {
  readonly id: MemberId;
  /** `HOST:PORT`; empty: it listens for nobody. */
  readonly address: string;
}

/** Of a member that is named here for the first time. */
export type Origin =
  /** A cluster of its own. */
  | { readonly kind: 'alone' }
  /** One of those that begin together; each has the same list. */
  | { readonly kind: 'founder'; readonly founders: ReadonlyMap<MemberId, string> }
  /** Of a cluster that is there. */
  | { readonly kind: 'joining'; readonly cluster: string; readonly places: ReadonlyMap<MemberId, string> };

const fileName = 'identity';
export const memberPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const instanceBytes = 12;
const clusterBytes = 16;

/** Undefined when the directory was never used. Rejects with a CorruptionError when there is data, and nobody can tell whose. */
export async function readIdentity(directory: string): Promise<Identity | undefined> {
  const file = join(directory, fileName);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    if (await hasData(directory)) throw new CorruptionError(file, 'it is missing, and the directory has data');
    return undefined;
  }
  const identity = decoded(text);
  if (identity === undefined) throw new CorruptionError(file, 'its checksum does not hold');
  return identity;
}

async function hasData(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).some((name) => name === 'log' || name === 'index' || name === 'vote');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Throws `malformed`. */
export function nameOf(member: MemberId | undefined): MemberId {
  const named = member ?? `m-${randomBytes(4).toString('hex')}`;
  if (!memberPattern.test(named)) throw new WeirError('malformed', `"${named}" cannot name a member: lower case letters, digits, dashes`);
  return named;
}

export function newIdentity(member: MemberId, origin: Origin): Identity {
  const begun = { cluster: clusterOf(origin), member, instance: randomBytes(instanceBytes).toString('hex') };
  switch (origin.kind) {
    case 'alone':
      return { ...begun, voters: [member], places: {} };
    case 'founder':
      return { ...begun, voters: [...origin.founders.keys()].toSorted(), places: Object.fromEntries(origin.founders) };
    case 'joining':
      return { ...begun, voters: [], places: Object.fromEntries(origin.places) };
  }
}

function clusterOf(origin: Origin): string {
  switch (origin.kind) {
    case 'alone':
      return randomBytes(clusterBytes).toString('hex');
    case 'founder':
      return createHash('sha256')
        .update(
          [...origin.founders]
            .map(([id, address]) => `${id}=${address}\n`)
            .toSorted()
            .join(''),
        )
        .digest('hex')
        .slice(0, 2 * clusterBytes);
    case 'joining':
      return origin.cluster;
  }
}

/** Those that began together, in words; undefined where nobody but this member did, or others before it came. */
export function foundersOf({ voters, places }: Identity): string | undefined {
  return voters.length > 1 ? voters.map((id) => `${id}=${places[id] ?? ''}`).join(', ') : undefined;
}

/** Durable when it settles. */
export async function writeIdentity(directory: string, identity: Identity): Promise<void> {
  await mkdir(directory, { recursive: true });
  await replaceFile(join(directory, fileName), encoded(identity));
  await syncDirectory(dirname(directory));
}

const encoded = ({ cluster, member, instance, voters, places }: Identity): string => {
  const text = JSON.stringify({ cluster, member, instance, voters, places });
  return `${text}\n${crc32(text).toString(16).padStart(8, '0')}\n`;
};

function decoded(text: string): Identity | undefined {
  const [line = '', checksum] = text.split('\n');
  return checksum === crc32(line).toString(16).padStart(8, '0') ? (JSON.parse(line) as Identity) : undefined;
}
