import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { BeatPresence, openEtcdMember, releaseNamed, StoredOwnership } from '../cluster/index.ts';
import type { Exchange, Members, OpenReport, Presence, Release, Store } from '../cluster/index.ts';
import { pipelineVersion } from '../flows/pipeline/index.ts';
import { listenOpenFlow } from '../flows/io/openflow.ts';
import type { OpenFlowEnd } from '../flows/io/openflow.ts';
import { listenOvsdb } from '../flows/io/ovsdb.ts';
import type { OvsdbEnd } from '../flows/io/ovsdb.ts';
import { openAdmission } from './admission/index.ts';
import type { Snapshot } from './admission/index.ts';
import { apiTlsVersionMin, buildApi } from './api/app.ts';
import type { Api } from './api/app.ts';
import type { ApiPorts } from './api/ports.ts';
import { systemClock } from './base/clock.ts';
import { reasonOf, WeirError } from './base/errors.ts';
import type { Clock } from './base/clock.ts';
import { systemRandom } from './base/random.ts';
import { assertUsable, certificatesOf, expiryMsOf, formatEndpoint } from './config/index.ts';
import type { Certificates, Config, EtcdStoreConfig, SwitchAccess, Tls } from './config/index.ts';
import { checkpointFile, openController } from './controller/index.ts';
import type { Controller, ControllerOptions } from './controller/index.ts';
import type { Read } from './controller/ports.ts';
import { openExplain } from './inquiry/explain/explain.ts';
import { openLint } from './inquiry/lint/lint.ts';
import { Journal, RecordFile, RecordSharing } from './journal/index.ts';
import type { LogRecord } from './journal/ports.ts';
import { openPlan } from './inquiry/plan/plan.ts';
import { openDecider } from './inquiry/decide/index.ts';
import { openVmHooks } from './lifecycle/index.ts';
import { membersOnEtcd } from './membership/etcd.ts';
import { openMembership } from './membership/opening.ts';
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

/**
 * The program, put together. Documents come in at the API, are admitted, committed by the store, compiled by the controller and
 * carried out by the switches; what the switches say comes back as status and as realized revisions.
 */
export async function startWeir(config: Config, telemetry: Telemetry, version: string, clock: Clock = systemClock): Promise<Weir> {
  const runs = releaseNamed(version);
  const kept = await (config.store.kind === 'etcd'
    ? keptByEtcd(config, config.store, telemetry.log, clock)
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
  const policyLog = openPolicyLog(config.policyFile, exchange, snapshot, telemetry, clock);
  const listening = addressesOf(config.switches, ownership);
  const controller = openController({
    snapshot,
    schedule,
    ownership,
    exchange,
    bridge: 'br-int',
    underlayMtu: config.switches.kind === 'off' ? 1500 : config.switches.underlayMtu,
    targets: listening.targets,
    registry: { register: (name, encapIp) => admission.submit({ writes: [{ verb: 'register', kind: 'Host', name, encapIp }] }) },
    clock,
    event: (event) => telemetry.event(event),
    logged: (packet, isLimited) => policyLog.journal.offer(packet, isLimited),
    counted: (host, kind, outcome) => telemetry.metrics.raisedPackets.add({ host, kind, outcome }),
    counters: { intervalMs: config.counters.intervalMs, checkpoint: checkpointFile(join(config.dataDirectory, 'counters')) },
  });
  const decide = openDecider({
    snapshot,
    clock,
    onProblem: (reason) =>
      telemetry.log.error({ code: 'classifier-lost' }, `the classifier is lost, and is compiled anew for the questions to come: ${reason}`),
  });
  admission.onCommitted((commit) => {
    // First: what a new rule sends up must have a name.
    policyLog.journal.committed(commit);
    controller.committed(commit);
    decide.committed(commit);
  });

  const switches = await listenForSwitches(config.switches, controller, telemetry, clock);
  listening.bound(switches.ports);
  collectReadings(telemetry.registry.registry, {
    revision: () => store.revision,
    hosts: () => controller.status.hosts(),
    counted: () => controller.counters.totals,
  });
  const { realized, status, counters, intentions } = controller;
  const read: Read = { hosts: async () => status.hosts(), effects: async (all) => all.map((id) => status.effectOf(id)) };
  const guestMtu = (host: string | undefined): number => controller.guestMtu(host);
  const history = { at: (revision: number) => admission.at(revision), revisionAt: (wallMs: number) => store.revisionAt(wallMs) };
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
      hooks: openVmHooks({ admission, realized, clock, store, guestMtu }),
      explain: openExplain({ snapshot, history, read: status, intentions, counters, guestMtu }),
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
        members: () =>
          cluster.list().map(({ id, address }) => ({ name: id, address: address || new URL(url).host, leader: id === cluster.leader })),
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
    if (forSwitches) switches.renew(forSwitches);
    if (forMembers) kept.renew(forMembers);
    certificates = next;
  };
  telemetry.event({ kind: 'started', version });

  return {
    addresses: { api: url, ...switches.addresses },
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
      controller.stopWaiting();
      await closeApi(api);
      await counters.close();
      await switches.close();
      controller.close();
      await policyLog.close();
      ownership.close();
      admission.close();
      await kept.close();
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
  log: Telemetry['log'],
  clock: Clock,
): Promise<Kept> {
  // What is kept here is a copy, and this member's name.
  const directory = join(dataDirectory, 'etcd');
  const id = await memberIdIn(directory);
  const onProblem = (error: WeirError): void => log.error({ code: error.code }, error.message);
  const member = await openEtcdMember({ id, etcd, directory, clock, retentionMs, onProblem });
  const nothing = (): void => undefined;
  return { ...member, members: () => undefined, cluster: membersOnEtcd(id), onRemoved: nothing, renew: nothing };
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
    onProblem: (error) => log.error({ code: error.code }, `who owns which switch is not known any more: ${error.message}`),
  });
}

const tellPatienceMs = 2_000;

interface OpenPolicyLog {
  readonly journal: Journal;
  close(): Promise<void>;
}

/** What rules with `log` decided: kept in memory, counted, and a line of the file where one is wanted. */
function openPolicyLog(
  wanted: Config['policyFile'],
  exchange: Exchange,
  snapshot: () => Snapshot,
  { log, metrics }: Telemetry,
  clock: Clock,
): OpenPolicyLog {
  const onProblem = (reason: string): void => log.error({ code: 'policy-log' }, `records of policies are lost: ${reason}`);
  const file = wanted && new RecordFile({ ...wanted, onProblem });
  const sharing = new RecordSharing({
    others: () => exchange.others(),
    tell: (member, records) => exchange.ask(member, 'logged', records, tellPatienceMs),
    schedule,
  });
  const journal = new Journal({
    snapshot,
    clock,
    schedule,
    written: (record) => {
      metrics.logRecords.add({ outcome: 'written' });
      file?.write(record);
      sharing.offer(record);
    },
    dropped: () => metrics.logRecords.add({ outcome: 'dropped' }),
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

interface Ports {
  readonly openflow: number;
  readonly ovsdb: number;
}

/** Where switches find the members. Our ports are known only when the listeners are bound. */
function addressesOf(
  access: SwitchAccess,
  ownership: StoredOwnership,
): { readonly targets: ControllerOptions['targets']; bound(ports: Ports): void } {
  if (access.kind === 'off') return { targets: () => ({ controllers: [], managers: [], otherManagers: [] }), bound: () => undefined };
  const scheme = access.kind === 'tls' ? 'ssl' : 'tcp';
  const target = (host: string, port: number): string => `${scheme}:${formatEndpoint({ host, port })}`;
  const advertised = access.advertise ?? (isWildcard(access.openflow.host) ? undefined : access.openflow.host);
  let ports: Ports = { openflow: 0, ovsdb: 0 };
  return {
    bound: (boundPorts) => {
      ports = boundPorts;
      if (advertised !== undefined)
        ownership.announce({ openflow: target(advertised, ports.openflow), ovsdb: target(advertised, ports.ovsdb) });
    },
    targets: (localAddress) => {
      const others = ownership.endpoints().filter(({ id }) => id !== ownership.id);
      const host = access.advertise ?? localAddress;
      const own = others.length > 0 && advertised !== undefined ? advertised : host;
      return {
        controllers: [target(own, ports.openflow), ...others.map(({ openflow }) => openflow)],
        managers: [target(localAddress, ports.ovsdb), target(host, ports.ovsdb)],
        otherManagers: others.map(({ ovsdb }) => ovsdb),
      };
    },
  };
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

interface SwitchListening {
  readonly addresses: { readonly openflow: string | null; readonly ovsdb: string | null };
  readonly ports: Ports;
  renew(tls: Tls & { readonly ca: string }): void;
  close(): Promise<void>;
}

async function listenForSwitches(
  access: SwitchAccess,
  controller: Controller,
  telemetry: Telemetry,
  clock: Clock,
): Promise<SwitchListening> {
  if (access.kind === 'off')
    return {
      addresses: { openflow: null, ovsdb: null },
      ports: { openflow: 0, ovsdb: 0 },
      renew: () => undefined,
      close: async () => undefined,
    };
  const ended = (end: OpenFlowEnd | OvsdbEnd, wasKnown: boolean, host?: string): void => {
    const { peerAddress: address, code, reason } = end;
    // The peer's own going is told as the disconnection of its host, and what is closed here for a reason with that reason.
    if (code === 'closed-here' || (code === 'peer-closed' && wasKnown)) return;
    telemetry.event({ kind: 'peer-cut', address, code, reason, ...(host !== undefined && { host }) });
  };
  const tls = access.kind === 'tls' ? { tls: access.tls } : {};
  const openflow = await listenOpenFlow(
    { ...access.openflow, ...tls, clock },
    {
      onConnection: (connection) => controller.openflowConnected(connection),
      onEnd: (end) => ended(end, end.datapathId !== undefined, controller.openflowEnded(end)),
    },
  );
  const ovsdb = await listenOvsdb(
    { ...access.ovsdb, ...tls, clock },
    { onConnection: (connection) => controller.ovsdbConnected(connection), onEnd: (end) => ended(end, end.synced) },
  );
  const scheme = access.kind === 'tls' ? 'ssl' : 'tcp';
  return {
    addresses: { openflow: `${scheme}:${formatEndpoint(openflow)}`, ovsdb: `${scheme}:${formatEndpoint(ovsdb)}` },
    ports: { openflow: openflow.port, ovsdb: ovsdb.port },
    renew: (tls) => {
      openflow.renew(tls);
      ovsdb.renew(tls);
    },
    close: async () => {
      await ovsdb.close();
      await openflow.close();
    },
  };
}
