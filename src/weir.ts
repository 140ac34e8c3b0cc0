import { join } from 'node:path';
import { releaseNamed, StoredOwnership } from '../cluster/index.ts';
import type { Members, Release } from '../cluster/index.ts';
import { clashes, pipelineVersion } from '../flows/pipeline/index.ts';
import { openAdmission } from './admission/index.ts';
import type { Admission, Snapshot } from './admission/index.ts';
import { buildApi, closeApi, renewApi } from './api/app.ts';
import type { ApiPorts } from './api/ports.ts';
import { systemClock } from './base/clock.ts';
import { LoopWatch } from './base/loop-delay.ts';
import { reasonOf, WeirError } from './base/errors.ts';
import type { Clock } from './base/clock.ts';
import { systemRandom } from './base/random.ts';
import { systemSchedule } from './base/schedule.ts';
import { CertificatesInUse, formatEndpoint } from './config/index.ts';
import type { Config } from './config/index.ts';
import { guestMtuOn } from './controller/index.ts';
import { openLint } from './inquiry/lint/lint.ts';
import { openPolicyLog } from './journal/index.ts';
import { openPlan } from './inquiry/plan/plan.ts';
import { type Decider, openDecider } from './inquiry/decide/index.ts';
import { openVmHooks } from './lifecycle/index.ts';
import { type Kept, openKept } from './membership/kept.ts';
import { tellOfUnfound, unfoundWarning } from './membership/unfound.ts';
import { openSouthbound } from './southbound/index.ts';
import type { Southbound, SouthboundEntry } from './southbound/index.ts';
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
  const { log, metrics, registry } = telemetry;
  const loop = new LoopWatch();
  const runs = releaseNamed(version);
  const kept = await openKept(config, runs, log, clock);
  const { store, exchange, cluster } = kept;
  const ownership = await openOwnership(kept, runs, log, clock);
  kept.onRemoved(() => ownership.retire());
  const stopTelling = tellOfUnfound(ownership, log, systemSchedule);
  let unready: string | undefined;
  const admission = await openAdmission({
    store,
    clock,
    random: systemRandom,
    onEnd: (reason) => {
      unready = reason.message;
      log.error({ code: reason.code }, `nothing can be written any more: ${reason.message}`);
    },
  });
  const unreadyReason = (): string | undefined => unready ?? cluster.unreadyReason();
  const snapshot = (): Snapshot => admission.snapshot();
  const { raisedPackets, logRecords } = metrics;
  const policyLog = openPolicyLog({
    clock,
    file: config.policyFile,
    exchange,
    onWritten: () => logRecords.add({ outcome: 'written' }),
    onProblem: (reason) => log.error({ code: 'policy-log' }, `records of policies are lost: ${reason}`),
  });
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
      log.error({ code: error.code }, error.message);
      options.onLost(error);
    },
    ...(options.southbound && { entry: options.southbound }),
  });
  const decide = openDecider({
    snapshot,
    clock,
    onProblem: (reason) =>
      log.error({ code: 'classifier-lost' }, `the classifier is lost, and is compiled anew for the questions to come: ${reason}`),
  });
  admission.onCommitted((commit) => decide.committed(commit));

  const southbound = await opening;
  collectReadings(registry.registry, {
    revision: () => store.revision,
    loop: () => loop.read(),
    southbound: () => southbound.readings(),
  });
  const warningsOf = (id: string): readonly string[] => (ownership.unfound().includes(id) ? [unfoundWarning(id)] : []);
  let url = `http://${formatEndpoint(config.api.listen)}`;
  const api = buildApi(
    {
      ...answering(config, clock, log, { admission, southbound, decide }),
      store,
      policyLog: policyLog.journal,
      cluster: { version, members: () => membersShown(cluster, url), warningsOf, control: cluster, unreadyReason },
      log,
      metrics: apiMetrics(telemetry),
    },
    config.api,
  );
  url = await api.listen({ host: config.api.listen.host, port: config.api.listen.port });
  const certificates = new CertificatesInUse(config, (next) => {
    const [forApi, forSwitches, forMembers] = [next.get('api'), next.get('switches'), next.get('members')];
    if (forApi) renewApi(api, forApi);
    if (forSwitches) southbound.renew(forSwitches);
    if (forMembers) kept.renew(forMembers);
  });
  collectClusterReadings(registry.registry, {
    ready: () => unreadyReason() === undefined,
    found: () => !ownership.unfound().includes(ownership.id),
    view: () => cluster.view(),
    certificatesEndMs: () => certificates.endMs(),
  });
  telemetry.event({ kind: 'started', version });

  return {
    addresses: { api: url, ...southbound.addresses },
    renewCertificates: (read) => {
      try {
        log.info({ uses: certificates.renew(read()) }, 'certificates were read again');
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        log.error({ code: error.code }, `certificates stay as they were: ${error.message}`);
      }
    },
    close: async () => {
      southbound.stopWaiting();
      await closeApi(api);
      await southbound.close();
      await policyLog.close();
      stopTelling();
      ownership.close();
      admission.close();
      await kept.close();
      loop.close();
    },
  };
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
    clashes,
    onProblem: (error) => log.error({ code: error.code }, `who owns which switch is read anew: ${error.message}`),
  });
}

interface Answering {
  readonly admission: Admission;
  readonly southbound: Southbound;
  readonly decide: Decider;
}

/** What the API asks of those who know documents and switches. */
function answering(
  config: Config,
  clock: Clock,
  log: Telemetry['log'],
  { admission, southbound, decide }: Answering,
): Omit<ApiPorts, 'store' | 'policyLog' | 'cluster' | 'log' | 'metrics'> {
  const { realized, read, counters, explain } = southbound;
  const underlayMtu = config.switches.kind === 'off' ? undefined : config.switches.underlayMtu;
  const guestMtu = (host: string | undefined): number => guestMtuOn(admission.snapshot(), underlayMtu, host);
  return {
    clock,
    admission,
    budget: admission.budget,
    realized,
    read,
    counters,
    explain,
    decide,
    hooks: openVmHooks({ admission, realized, clock, guestMtu }),
    plan: openPlan({ admission, read, counters, clock }),
    lint: openLint({
      admission,
      clock,
      onProblem: (reason) => log.error({ code: 'findings-lost' }, `policies are verified anew when next asked: ${reasonOf(reason)}`),
    }),
  };
}

/** One that listens for no others is at its API. */
function membersShown(cluster: Members, url: string): ReturnType<ApiPorts['cluster']['members']> {
  const known = new Map(cluster.view()?.members.map(({ id, reachable }) => [id, reachable]));
  return cluster.list().map(({ id, address }) => ({
    name: id,
    address: address || new URL(url).host,
    leader: id === cluster.leader,
    reachable: known.get(id) ?? true,
  }));
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
