import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { reasonOf, WeirError } from '../base/errors.ts';
import type { ClusterAnswer } from '../api/schema/cluster.ts';
import { Client } from './client.ts';
import type { BackupCommand, RejoinCommand, RestoreCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import type { Terminal } from './terminal.ts';

interface Summary {
  readonly cluster: string;
  readonly revision: number;
  readonly takenMs: number;
  readonly entries: number;
}

/** `weir backup FILE`: the file is there only once it was read to its end and found whole. */
export async function backup(command: BackupCommand, check: (file: string) => Promise<Summary>, terminal: Terminal): Promise<ExitCode> {
  const draft = `${command.file}.part`;
  try {
    const bytes = await new Client(command.connection).download('/v1/backup');
    await pipeline(bytes, createWriteStream(draft, { mode: 0o600, flush: true }));
    const summary = await check(draft);
    await rename(draft, command.file);
    print(
      summary,
      `${command.file}: revision ${summary.revision}, ${summary.entries} entries of cluster ${summary.cluster}`,
      command.json,
      terminal,
    );
    return 0;
  } catch (thrown) {
    await rm(draft, { force: true });
    return complain(asRefusal(thrown), terminal);
  }
}

interface Restored extends Summary {
  readonly into: { readonly cluster: string; readonly member: string };
}

/** `weir restore FILE --data DIR`: another cluster, of one, that goes on from there. */
export async function restore(
  command: RestoreCommand,
  run: (file: string, data: string, member: string | undefined) => Promise<Restored>,
  terminal: Terminal,
): Promise<ExitCode> {
  try {
    const restored = await run(resolve(command.file), resolve(command.data), command.member);
    const { revision, entries, cluster, into } = restored;
    const text = `${command.data}: revision ${revision}, ${entries} entries of cluster ${cluster}; now cluster ${into.cluster}, member ${into.member}`;
    print(restored, text, command.json, terminal);
    return 0;
  } catch (thrown) {
    return complain(asRefusal(thrown), terminal);
  }
}

interface Owner {
  readonly member: string;
  readonly cluster: string;
}

interface LocalData {
  /** Whose data it is. */
  owner(data: string): Promise<Owner | undefined>;
  /** Rejects while a process has it. */
  assertStopped(data: string): Promise<void>;
  setAside(data: string): Promise<string>;
}

/** `weir cluster rejoin`: the cluster gives the old name up, the data goes out of the way, and the member can come back under a new name. */
export async function rejoin(command: RejoinCommand, local: LocalData, terminal: Terminal): Promise<ExitCode> {
  try {
    const data = resolve(command.data);
    const { member: old, cluster: of } = await ownerOf(data, command.member, local);
    await local.assertStopped(data);
    const client = new Client(command.connection);
    const { cluster, members } = await client.call<ClusterAnswer>({ method: 'GET', path: '/v1/cluster' });
    if (of !== undefined && of !== cluster)
      throw new WeirError('other-cluster', `${data} has data of cluster ${of}, and ${command.connection.server.origin} is of ${cluster}`);
    const present = members.find(({ id }) => id === old);
    if (present?.reachable === true)
      throw new WeirError('member-exists', `${old} is up at ${present.address}: this is not its data, or it was stopped just now`);
    if (present !== undefined) await client.call({ method: 'DELETE', path: `/v1/cluster/members/${encodeURIComponent(old)}` });
    const aside = await local.setAside(data);
    const next = `weir serve --data ${command.data} --member-id NEW-NAME --join ${command.connection.server.origin}`;
    const text = `member ${old} was removed; its data is in ${aside}. It comes back under a new name (and a certificate for it), without founders:\n  ${next}`;
    print({ removed: old, aside }, text, command.json, terminal);
    return 0;
  } catch (thrown) {
    return complain(asRefusal(thrown), terminal);
  }
}

/** Whom it was begun for. A name that is given counts where the data cannot tell: else somebody sound would be removed by a slip. */
async function ownerOf(data: string, named: string | undefined, local: LocalData): Promise<{ member: string; cluster?: string }> {
  let owner: Owner | undefined;
  try {
    owner = await local.owner(data);
  } catch (cause) {
    if (named !== undefined) return { member: named };
    throw new WeirError('store-corrupt', `${data} does not tell whose it is (${reasonOf(cause)}): say --member NAME`, { cause });
  }
  if (owner === undefined) throw new WeirError('not-found', `${data} has no data`);
  if (named !== undefined && named !== owner.member)
    throw new WeirError('other-member', `${data} is the data of member ${owner.member}, not of ${named}`);
  return owner;
}

function print(answer: object, text: string, json: boolean, terminal: Terminal): void {
  terminal.print(json ? JSON.stringify(answer) : text);
}

/** Of the file system: said in one line, as what the server refuses is. */
function asRefusal(thrown: unknown): unknown {
  if (thrown instanceof WeirError || !(thrown instanceof Error && 'syscall' in thrown)) return thrown;
  return new WeirError('failed', reasonOf(thrown), { cause: thrown });
}
