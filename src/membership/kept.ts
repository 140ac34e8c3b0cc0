import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BeatPresence, openEtcdMember } from '../../cluster/index.ts';
import type { Exchange, Members, OpenReport, Presence, Release, Store } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';
import type { WeirError } from '../base/errors.ts';
import type { Config, EtcdStoreConfig, Tls } from '../config/index.ts';
import { membersOnEtcd } from './etcd.ts';
import { type Log, openMembership } from './opening.ts';

/** Where documents are kept, and those who share them. */
export interface Kept {
  readonly store: Store;
  readonly exchange: Exchange;
  readonly presence: (counted: () => ReadonlySet<string>) => Presence;
  /** Undefined where only those who have told are known. */
  readonly members: () => ReadonlySet<string> | undefined;
  readonly cluster: Members;
  /** At once when it was already. */
  readonly onRemoved: (listener: () => void) => void;
  readonly renew: (tls: Tls & { readonly ca: string }) => void;
  readonly close: () => Promise<void>;
}

/** Settles when there is a leader, and this member has what was committed. */
export function openKept(config: Config, runs: Release, log: Log, clock: Clock): Promise<Kept> {
  const { store } = config;
  return store.kind === 'etcd' ? keptByEtcd(config, store, runs, log, clock) : keptHere(config, runs, log, clock);
}

async function keptByEtcd(
  { dataDirectory }: Config,
  { etcd, retentionMs }: EtcdStoreConfig,
  runs: Release,
  log: Log,
  clock: Clock,
): Promise<Kept> {
  // What is kept here is a copy, and this member's name.
  const directory = join(dataDirectory, 'etcd');
  const id = await memberIdIn(directory);
  const onProblem = (error: WeirError): void => log.error({ code: error.code }, error.message);
  const member = await openEtcdMember({ id, etcd, directory, clock, retentionMs, onProblem });
  const nothing = (): void => undefined;
  return { ...member, members: () => undefined, cluster: membersOnEtcd({ ...member, runs }), onRemoved: nothing, renew: nothing };
}

async function keptHere(config: Config, runs: Release, log: Log, clock: Clock): Promise<Kept> {
  const removal = Promise.withResolvers<void>();
  const onRemoved = (): void => removal.resolve();
  const member = await openMembership({ directory: join(config.dataDirectory, 'store'), config, runs, clock, log, onRemoved });
  const { store, members } = member;
  tellOfOpening(store.opened, log);
  try {
    await member.ready();
  } catch (error) {
    await member.close();
    throw error;
  }
  const { exchange } = store.cluster;
  return {
    store,
    exchange,
    // Alone, a member is always there and decides.
    presence: (counted) => new BeatPresence({ exchange, clock, counted, leads: () => store.cluster.leader === exchange.id }),
    members: () => new Set([exchange.id, ...exchange.others()]),
    cluster: members,
    onRemoved: (listener) => void removal.promise.then(listener),
    renew: ({ ca, cert, key }) => member.renew({ ca, certificate: cert, key }),
    close: () => member.close(),
  };
}

/** The same at each start, and no other member's. */
async function memberIdIn(directory: string): Promise<string> {
  const file = join(directory, 'member');
  await mkdir(directory, { recursive: true });
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const id = `weir-${randomBytes(4).toString('hex')}`;
  const draft = `${file}-draft`;
  await writeFile(draft, id, { flush: true });
  await rename(draft, file);
  return id;
}

/** What a crash or a failing disk left behind is told, though nothing acknowledged was lost. */
function tellOfOpening({ tornTail, indexRebuilt, full }: OpenReport, log: Log): void {
  if (tornTail !== undefined) log.warn({ ...tornTail }, 'a torn last record was dropped: nothing of it had been acknowledged');
  if (indexRebuilt) log.warn({}, 'the index was damaged and was made again from the log');
  if (full) log.error({ code: 'store-full' }, 'the disk is full: reads work, writes are refused until there is space');
}
