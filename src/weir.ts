import { join } from 'node:path';
import { openEmbeddedStore } from '../cluster/index.ts';
import type { OpenReport } from '../cluster/index.ts';
import { listenOpenFlow } from '../flows/io/openflow.ts';
import type { OpenFlowEnd } from '../flows/io/openflow.ts';
import { listenOvsdb } from '../flows/io/ovsdb.ts';
import type { OvsdbEnd } from '../flows/io/ovsdb.ts';
import { openAdmission } from './admission/index.ts';
import { buildApi } from './api/app.ts';
import type { Api } from './api/app.ts';
import { systemClock } from './base/clock.ts';
import type { Clock } from './base/clock.ts';
import { systemRandom } from './base/random.ts';
import { formatEndpoint } from './config/index.ts';
import type { Config, SwitchAccess } from './config/index.ts';
import { checkpointFile, nextEpoch, openController } from './controller/index.ts';
import type { Controller, ControllerOptions } from './controller/index.ts';
import { openExplain } from './inquiry/explain/explain.ts';
import { Journal, RecordFile } from './journal/index.ts';
import { openPlan } from './inquiry/plan/plan.ts';
import { openDecider } from './inquiry/decide/index.ts';
import { openVmHooks } from './lifecycle/index.ts';
import { collectReadings } from './telemetry/index.ts';
import type { Telemetry } from './telemetry/index.ts';

/** Where a running controller listens; null: nowhere. */
export interface Weir {
  readonly addresses: { readonly api: string; readonly openflow: string | null; readonly ovsdb: string | null };
  /** Lets what is under way end. Switches keep forwarding. */
  close(): Promise<void>;
}

/**
 * The program, put together. Documents come in at the API, are admitted, committed by the store, compiled by the controller and
 * carried out by the switches; what the switches say comes back as status and as realized revisions.
 */
export async function startWeir(config: Config, telemetry: Telemetry, version: string, clock: Clock = systemClock): Promise<Weir> {
  const store = await openEmbeddedStore({
    directory: join(config.dataDirectory, 'store'),
    clock,
    retentionMs: config.store.retentionMs,
    onProblem: (error) => telemetry.log.error({ code: error.code }, error.message),
  });
  tellOfOpening(store.opened, telemetry.log);
  const epoch = await nextEpoch(store, clock);
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
  const policyFile = config.policyFile && openPolicyFile(config.policyFile, telemetry.log);
  const journal = new Journal({
    snapshot: () => admission.snapshot(),
    clock,
    schedule,
    written: (record) => {
      telemetry.metrics.logRecords.add({ outcome: 'written' });
      policyFile?.write(record);
    },
    dropped: () => telemetry.metrics.logRecords.add({ outcome: 'dropped' }),
  });
  const listening = addressesOf(config.switches);
  const controller = openController({
    snapshot: () => admission.snapshot(),
    schedule,
    epoch,
    bridge: 'br-int',
    underlayMtu: config.switches.kind === 'off' ? 1500 : config.switches.underlayMtu,
    targets: listening.targets,
    registry: { register: (name, encapIp) => admission.submit({ writes: [{ verb: 'register', kind: 'Host', name, encapIp }] }) },
    clock,
    event: (event) => telemetry.event(event),
    logged: (packet, isLimited) => journal.offer(packet, isLimited),
    counted: (host, kind, outcome) => telemetry.metrics.raisedPackets.add({ host, kind, outcome }),
    counters: { intervalMs: config.counters.intervalMs, checkpoint: checkpointFile(join(config.dataDirectory, 'counters')) },
  });
  admission.onCommitted((commit) => {
    // First: what a new rule sends up must have a name.
    journal.committed(commit);
    controller.committed(commit);
  });
  const decider = openDecider({
    snapshot: () => admission.snapshot(),
    clock,
    onProblem: (reason) =>
      telemetry.log.error({ code: 'classifier-lost' }, `the classifier is compiled anew when it is next asked: ${reason}`),
  });
  admission.onCommitted((commit) => decider.committed(commit));

  const switches = await listenForSwitches(config.switches, controller, telemetry);
  listening.bound(switches.ports);
  collectReadings(telemetry.registry.registry, {
    revision: () => store.revision,
    hosts: () => controller.read.hosts(),
    counted: () => controller.counters.totals,
  });
  let url = `http://${formatEndpoint(config.api.listen)}`;
  const api = buildApi(
    {
      admission,
      budget: admission.budget,
      store,
      realized: controller.realized,
      read: controller.read,
      policyLog: journal,
      counters: controller.counters,
      hooks: openVmHooks({ admission, realized: controller.realized, clock, store, guestMtu: (host) => controller.guestMtu(host) }),
      explain: openExplain({
        snapshot: () => admission.snapshot(),
        history: { at: (revision) => admission.at(revision), revisionAt: (wallMs) => store.revisionAt(wallMs) },
        read: controller.read,
        intentions: controller.intentions,
        counters: controller.counters,
        guestMtu: (host) => controller.guestMtu(host),
      }),
      decide: decider,
      plan: openPlan({ admission, read: controller.read, counters: controller.counters, clock }),
      cluster: {
        version,
        members: () => [{ name: 'weir', address: new URL(url).host, leader: true }],
        unreadyReason: () => unready,
      },
      log: telemetry.log,
      metrics: {
        request: (method, route, status, seconds) => {
          telemetry.metrics.apiRequests.add({ method, route, status: String(status) });
          telemetry.metrics.apiSeconds.observe({ method, route }, seconds);
        },
        watchers: (open) => telemetry.metrics.watchers.set({}, open),
        watcherCut: () => telemetry.metrics.watchersCut.add({}),
        expose: async () => ({ contentType: telemetry.registry.contentType, body: await telemetry.registry.expose() }),
      },
    },
    config.api,
  );
  url = await api.listen({ host: config.api.listen.host, port: config.api.listen.port });
  telemetry.event({ kind: 'started', version });

  return {
    addresses: { api: url, ...switches.addresses },
    close: async () => {
      controller.stopWaiting();
      await closeApi(api);
      await controller.counters.close();
      await switches.close();
      controller.close();
      journal.close();
      await policyFile?.close();
      admission.close();
      await store.close();
    },
  };
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

function openPolicyFile(file: NonNullable<Config['policyFile']>, log: Telemetry['log']): RecordFile {
  return new RecordFile({ ...file, onProblem: (reason) => log.error({ code: 'policy-log' }, `records of policies are lost: ${reason}`) });
}

function schedule(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}

interface Ports {
  readonly openflow: number;
  readonly ovsdb: number;
}

/** Where switches find us. The ports are known only when the listeners are bound. */
function addressesOf(access: SwitchAccess): { readonly targets: ControllerOptions['targets']; bound(ports: Ports): void } {
  let ports: Ports = { openflow: 0, ovsdb: 0 };
  return {
    bound: (boundPorts) => {
      ports = boundPorts;
    },
    targets: (localAddress) => {
      if (access.kind === 'off') return { controllers: [], managers: [] };
      const scheme = access.kind === 'tls' ? 'ssl' : 'tcp';
      const target = (host: string, port: number): string => `${scheme}:${formatEndpoint({ host, port })}`;
      const host = access.advertise ?? localAddress;
      return {
        controllers: [target(host, ports.openflow)],
        managers: [target(localAddress, ports.ovsdb), target(host, ports.ovsdb)],
      };
    },
  };
}

interface SwitchListening {
  readonly addresses: { readonly openflow: string | null; readonly ovsdb: string | null };
  readonly ports: Ports;
  close(): Promise<void>;
}

async function listenForSwitches(access: SwitchAccess, controller: Controller, telemetry: Telemetry): Promise<SwitchListening> {
  if (access.kind === 'off')
    return { addresses: { openflow: null, ovsdb: null }, ports: { openflow: 0, ovsdb: 0 }, close: async () => undefined };
  const ended = (end: OpenFlowEnd | OvsdbEnd, wasKnown: boolean, host?: string): void => {
    const { peerAddress: address, code, reason } = end;
    // The peer's own going is told as the disconnection of its host, and what is closed here for a reason with that reason.
    if (code === 'closed-here' || (code === 'peer-closed' && wasKnown)) return;
    telemetry.event({ kind: 'peer-cut', address, code, reason, ...(host !== undefined && { host }) });
  };
  const tls = access.kind === 'tls' ? { tls: access.tls } : {};
  const openflow = await listenOpenFlow(
    { ...access.openflow, ...tls },
    {
      onConnection: (connection) => controller.openflowConnected(connection),
      onEnd: (end) => ended(end, end.datapathId !== undefined, controller.openflowEnded(end)),
    },
  );
  const ovsdb = await listenOvsdb(
    { ...access.ovsdb, ...tls },
    { onConnection: (connection) => controller.ovsdbConnected(connection), onEnd: (end) => ended(end, end.synced) },
  );
  const scheme = access.kind === 'tls' ? 'ssl' : 'tcp';
  return {
    addresses: { openflow: `${scheme}:${formatEndpoint(openflow)}`, ovsdb: `${scheme}:${formatEndpoint(ovsdb)}` },
    ports: { openflow: openflow.port, ovsdb: ovsdb.port },
    close: async () => {
      await ovsdb.close();
      await openflow.close();
    },
  };
}
