import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { BeatPresence, openEtcdMember, releaseNamed, StoredOwnership } from '../cluster/index.ts';
import type { Exchange, Members, OpenReport, Presence, Release, Store } from '../cluster/index.ts';
import { pipelineVersion } from '../flows/pipeline/index.ts';
import { openAdmission } from './admission/index.ts';
import type { Snapshot } from './admission/index.ts';
import { apiTlsVersionMin, buildApi } from './api/app.ts';
import type { Api } from './api/app.ts';
import type { ApiPorts } from './api/ports.ts';
import { systemClock } from './base/clock.ts';
import { LoopWatch } from './base/loop-delay.ts';
import { reasonOf, WeirError } from './base/errors.ts';
import type { Clock } from './base/clock.ts';
import { systemRandom } from './base/random.ts';
import { assertUsable, certificatesOf, expiryMsOf, formatEndpoint } from './config/index.ts';
import type { Certificates, Config, EtcdStoreConfig, Tls } from './config/index.ts';
import { guestMtuOn } from './controller/index.ts';
import { openLint } from './inquiry/lint/lint.ts';
import { Journal, RecordFile, RecordSharing } from './journal/index.ts';
import type { LogRecord } from './journal/ports.ts';
import { openPlan } from './inquiry/plan/plan.ts';
import { openDecider } from './inquiry/decide/index.ts';
import { openVmHooks } from './lifecycle/index.ts';
import { membersOnEtcd } from './membership/etcd.ts';
import { openMembership } from './membership/opening.ts';
import { openSouthbound } from './southbound/index.ts';
import type { SouthboundEntry } from './southbound/index.ts';
import { collectClusterReadings, collectReadings } from './telemetry/index.ts';
import type { Telemetry } from './telemetry/index.ts';

/** Where a running controller listens; null: nowhere. */
export interface Weir {
  readonly addresses: { readonly api: string; readonly openflow: string | null; readonly ovsdb: string | null };
  /** Takes certificates from a configuration that was read again; connections that stand stay. What cannot be used is told, and changes nothing. */
  renewCertificates(read: () => Config): void;
  /** Lets what is under way end. Switches keep forwarding. */
  close(): Promise<void>;
}

export interface WeirOptions {
  readonly clock?: Clock;
  /** A part of the program has ended, and it cannot go on. Told in the log already. */
  readonly onLost: (error: WeirError) => void;
  /** Absent: the program's own. */
  readonly southbound?: SouthboundEntry;
}

/**
 * The program, put together. Documents come in at the API, are admitted and committed by the store, all on this thread. The southbound thread
 * follows the store, compiles, and makes switches carry it out; what they say comes back as status and as realized revisions.
 */
export async function startWeir(config: Config, telemetry: Telemetry, version: string, options: WeirOptions): Promise<Weir> {
  const { clock = systemClock } = options;
  const loop = new LoopWatch();
  const runs = releaseNamed(version);
  const kept = await (config.store.kind === 'etcd'
    ? keptByEtcd(config, config.store, runs, telemetry.log, clock)
    : keptHere(config, runs, telemetry.log, clock));
  const { store, exchange, cluster } = kept;
  const ownership = await openOwnership(kept, runs, telemetry.log, clock);
  kept.onRemoved(() => ownership.retire());
  let unready: string | undefined;
  const admission = await openAdmission({
    store,
    clock,
    random: systemRandom,
    onEnd: (reason) => {
      unready = reason.message;
      telemetry.log.error({ code: reason.code }, `nothing can be written any more: ${reason.message}`);
    },
  });
  const snapshot = (): Snapshot => admission.snapshot();
  const policyLog = openPolicyLog(config.policyFile, exchange, telemetry, clock);
  const { raisedPackets, logRecords } = telemetry.metrics;
  const opening = openSouthbound({
    store,
    exchange,
    ownership,
    switches: config.switches,
    counters: { intervalMs: config.counters.intervalMs, file: join(config.dataDirectory, 'counters') },
    revision: () => snapshot().revision,
    register: async ({ name, encapIp }) => {
      const { revision } = await admission.submit({ writes: [{ verb: 'register', kind: 'Host', name, encapIp }] });
      return revision;
    },
    event: (event) => telemetry.event(event),
    counted: (all) => all.forEach(({ count, ...labels }) => raisedPackets.add(labels, count)),
    recorded: (records) => records.forEach((record) => policyLog.journal.write(record)),
    recordsDropped: ({ count }) => logRecords.add({ outcome: 'dropped' }, count),
    onLost: (error) => {
      telemetry.log.error({ code: error.code }, error.message);
      options.onLost(error);
    },
    ...(options.southbound && { entry: options.southbound }),
  });
  const decide = openDecider({
    snapshot,
    clock,
    onProblem: (reason) =>
      telemetry.log.error({ code: 'classifier-lost' }, `the classifier is lost, and is compiled anew for the questions to come: ${reason}`),
  });
  admission.onCommitted((commit) => decide.committed(commit));

  const southbound = await opening;
  const { realized, read, counters, explain } = southbound;
  collectReadings(telemetry.registry.registry, {
    revision: () => store.revision,
    loop: () => loop.read(),
    southbound: () => southbound.readings(),
  });
  const underlayMtu = config.switches.kind === 'off' ? undefined : config.switches.underlayMtu;
  const guestMtu = (host: string | undefined): number => guestMtuOn(snapshot(), underlayMtu, host);
  let url = `http://${formatEndpoint(config.api.listen)}`;
  const api = buildApi(
    {
      clock,
      admission,
      budget: admission.budget,
      store,
      realized,
      read,
      counters,
      policyLog: policyLog.journal,
      hooks: openVmHooks({ admission, realized, clock, guestMtu }),
      explain,
      decide,
      plan: openPlan({ admission, read, counters, clock }),
      lint: openLint({
        admission,
        clock,
        onProblem: (reason) =>
          telemetry.log.error({ code: 'findings-lost' }, `policies are verified anew when next asked: ${reasonOf(reason)}`),
      }),
      cluster: {
        version,
        members: () => {
          const known = new Map(cluster.view()?.members.map(({ id, reachable }) => [id, reachable]));
          return cluster.list().map(({ id, address }) => ({
            name: id,
            address: address || new URL(url).host,
            leader: id === cluster.leader,
            reachable: known.get(id) ?? true,
          }));
        },
        control: cluster,
        unreadyReason: () => unready ?? cluster.unreadyReason(),
      },
      log: telemetry.log,
      metrics: apiMetrics(telemetry),
    },
    config.api,
  );
  url = await api.listen({ host: config.api.listen.host, port: config.api.listen.port });
  let certificates = certificatesOf(config);
  collectClusterReadings(telemetry.registry.registry, {
    ready: () => (unready ?? cluster.unreadyReason()) === undefined,
    view: () => cluster.view(),
    certificatesEndMs: () => new Map([...certificates].map(([use, tls]) => [use, expiryMsOf(tls)])),
  });
  const renew = (next: Certificates): void => {
    const [forApi, forSwitches, forMembers] = [next.get('api'), next.get('switches'), next.get('members')];
    if (forApi) renewApi(api, forApi);
    if (forSwitches) southbound.renew(forSwitches);
    if (forMembers) kept.renew(forMembers);
    certificates = next;
  };
  telemetry.event({ kind: 'started', version });

  return {
    addresses: { api: url, ...southbound.addresses },
    renewCertificates: (read) => {
      try {
        const next = certificatesOf(read());
        assertUsable(next, certificates);
        renew(next);
        telemetry.log.info({ uses: [...next.keys()] }, 'certificates were read again');
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        telemetry.log.error({ code: error.code }, `certificates stay as they were: ${error.message}`);
      }
    },
    close: async () => {
      southbound.stopWaiting();
      await closeApi(api);
      await southbound.close();
      await policyLog.close();
      ownership.close();
      admission.close();
      await kept.close();
      loop.close();
    },
  };
}

/** Where documents are kept, and those who share them. */
interface Kept {
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

async function keptByEtcd(
  { dataDirectory }: Config,
  { etcd, retentionMs }: EtcdStoreConfig,
  runs: Release,
  log: Telemetry['log'],
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

/** Settles when there is a leader, and this member has what was committed. */
async function keptHere(config: Config, runs: Release, log: Telemetry['log'], clock: Clock): Promise<Kept> {
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
    await writeFile(file, `weir-${randomBytes(4).toString('hex')}`, { flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFile(file, 'utf8');
}

async function openOwnership(kept: Kept, runs: Release, log: Telemetry['log'], clock: Clock): Promise<StoredOwnership> {
  const { store, exchange, presence, members } = kept;
  return StoredOwnership.open({
    id: exchange.id,
    store,
    clock,
    presence,
    members,
    runs,
    pipeline: pipelineVersion,
    onProblem: (error) => log.error({ code: error.code }, `who owns which switch is read anew: ${error.message}`),
  });
}

const tellPatienceMs = 2_000;

interface OpenPolicyLog {
  readonly journal: Journal;
  close(): Promise<void>;
}

/** What rules with `log` decided: kept in memory, counted, and a line of the file where one is wanted. */
function openPolicyLog(wanted: Config['policyFile'], exchange: Exchange, { log, metrics }: Telemetry, clock: Clock): OpenPolicyLog {
  const onProblem = (reason: string): void => log.error({ code: 'policy-log' }, `records of policies are lost: ${reason}`);
  const file = wanted && new RecordFile({ ...wanted, onProblem });
  const sharing = new RecordSharing({
    others: () => exchange.others(),
    tell: (member, records) => exchange.ask(member, 'logged', records, tellPatienceMs),
    schedule,
  });
  const journal = new Journal({
    clock,
    written: (record) => {
      metrics.logRecords.add({ outcome: 'written' });
      file?.write(record);
      sharing.offer(record);
    },
  });
  exchange.answer('logged', (_from, records) => {
    for (const record of records as readonly LogRecord[]) journal.heard(record);
    return null;
  });
  return {
    journal,
    close: async () => {
      journal.close();
      sharing.close();
      await file?.close();
    },
  };
}

const apiMetrics = ({ metrics, registry }: Telemetry): ApiPorts['metrics'] => ({
  request: (method, route, status, seconds) => {
    metrics.apiRequests.add({ method, route, status: String(status) });
    metrics.apiSeconds.observe({ method, route }, seconds);
  },
  watchers: (open) => metrics.watchers.set({}, open),
  watcherCut: () => metrics.watchersCut.add({}),
  expose: async () => ({ contentType: registry.contentType, body: await registry.expose() }),
});

function renewApi({ server }: Api, { cert, key, ca }: Tls): void {
  if (server instanceof TlsServer) server.setSecureContext({ cert, key, minVersion: apiTlsVersionMin, ...(ca !== undefined && { ca }) });
}

/** Requests under way end; a caller who never finishes asking, or never reads, is not waited for. */
async function closeApi(api: Api): Promise<void> {
  const patience = setTimeout(() => api.server.closeAllConnections(), 3000);
  await api.close();
  clearTimeout(patience);
}

/** What a crash or a failing disk left behind is told, though nothing acknowledged was lost. */
function tellOfOpening({ tornTail, indexRebuilt, full }: OpenReport, log: Telemetry['log']): void {
  if (tornTail !== undefined) log.warn({ ...tornTail }, 'a torn last record was dropped: nothing of it had been acknowledged');
  if (indexRebuilt) log.warn({}, 'the index was damaged and was made again from the log');
  if (full) log.error({ code: 'store-full' }, 'the disk is full: reads work, writes are refused until there is space');
}

function schedule(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
