import { parseMac } from '../../src/base/addresses.ts';
import type { Mac } from '../../src/base/addresses.ts';
import { WeirError } from '../../src/base/errors.ts';
import type { Uuid } from './column.ts';
import { chosenDatapathType } from './datapath-type.ts';
import { encapOf } from './encap.ts';
import type { EncapIpSource } from './encap.ts';
import { storedEpoch } from './epoch.ts';
import { ownershipOf, tunnelPortName } from './host-marks.ts';
import type { Bridge, Ownership, Root } from './host-marks.ts';
import type { Replica } from './replica.ts';
import type { Row } from './tables.ts';
import type { Epoch } from './transaction.ts';

/** A port of the integration bridge that carries `external_ids:iface-id`. */
export interface HostInterface {
  readonly ifaceId: string;
  /** Guards against a stale bind (OVN's `iface-id-ver`). */
  readonly ifaceIdVer?: string;
  readonly name: string;
  readonly uuid: Uuid;
  /** OpenFlow port number; absent until vswitchd has attached the device. */
  readonly ofport?: number;
  /** The guest's MAC as the plugger states it (`attached-mac`), else the device's own. */
  readonly mac?: Mac;
  readonly linkState?: 'up' | 'down';
  /** Why vswitchd could not attach it. */
  readonly error?: string;
}

export type HostProblem =
  | { readonly kind: 'system-id-missing' }
  | { readonly kind: 'encap-ip-guessed'; readonly encapIp: string }
  | { readonly kind: 'encap-ip-malformed'; readonly source: EncapIpSource }
  | { readonly kind: 'encap-ip-missing' }
  /** A port of others has the name that the tunnel port must have, or it stands on another bridge. */
  | { readonly kind: 'tunnel-name-taken'; readonly port: string }
  | { readonly kind: 'tunnel-failed'; readonly error: string }
  | { readonly kind: 'interface-failed'; readonly name: string; readonly error: string }
  | { readonly kind: 'iface-id-twice'; readonly ifaceId: string; readonly names: readonly string[] }
  /** Somebody else's controller is on the integration bridge and may write flows. */
  | { readonly kind: 'foreign-controller'; readonly target: string };

export interface HostFacts {
  /** The host's name. */
  readonly systemId?: string;
  readonly encapIp?: string;
  readonly encapIpSource: EncapIpSource;
  /** `system` or `netdev`; what the bridge has, or would get. */
  readonly datapathType: string;
  readonly bridgeUuid?: Uuid;
  readonly bridgeOwnership?: Ownership;
  /** 16 hexadecimal digits; absent while the bridge has no datapath, so nothing passes. */
  readonly datapathId?: string;
  readonly tunnelOfport?: number;
  /** By name. */
  readonly interfaces: readonly HostInterface[];
  readonly controllers: readonly { readonly target: string; readonly connected: boolean; readonly role?: string }[];
  readonly ovsVersion?: string;
  readonly epoch?: Epoch;
  readonly nextCfg: number;
  readonly curCfg: number;
  readonly problems: readonly HostProblem[];
}

export interface FactsSettings {
  readonly bridge: string;
  readonly encapIp?: string;
  /** Where the connection comes from: the tunnel address of last resort. */
  readonly peerAddress?: string;
}

/** Ports that vswitchd could not create have -1; the numbers above 0xff00 are reserved (OpenFlow 1.3 section A.2.1). */
function ofportOf(row: Row<'Interface'>): number | undefined {
  const port = Number(row.ofport ?? -1);
  return port > 0 && port <= 0xffff ? port : undefined;
}

function macOf(row: Row<'Interface'>): Mac | undefined {
  for (const text of [row.external_ids.get('attached-mac'), row.mac_in_use]) {
    if (text === undefined) continue;
    try {
      return parseMac(text);
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
    }
  }
  return undefined;
}

function interfacesOn(replica: Replica, bridge: Bridge | undefined): Row<'Interface'>[] {
  const ports = (bridge?.ports ?? []).map((uuid) => replica.row('Port', uuid));
  const rows = ports.flatMap((port) => (port?.interfaces ?? []).map((uuid) => replica.row('Interface', uuid)));
  return rows.filter((row) => row !== undefined).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function hostInterface(row: Row<'Interface'>): HostInterface | undefined {
  const ifaceId = row.external_ids.get('iface-id');
  if (!ifaceId) return undefined;
  const [ifaceIdVer, ofport, mac] = [row.external_ids.get('iface-id-ver'), ofportOf(row), macOf(row)];
  return {
    ifaceId,
    name: row.name,
    uuid: row.uuid,
    ...(ifaceIdVer !== undefined && { ifaceIdVer }),
    ...(ofport !== undefined && { ofport }),
    ...(mac !== undefined && { mac }),
    ...((row.link_state === 'up' || row.link_state === 'down') && { linkState: row.link_state }),
    ...(row.error !== undefined && { error: row.error }),
  };
}

/** What the database says of the host; undefined while it has no root row. */
export function hostFacts(replica: Replica, settings: FactsSettings): HostFacts | undefined {
  const root = replica.root;
  if (!root) return undefined;
  const bridge = replica.find('Bridge', ({ name }) => name === settings.bridge);
  const rows = interfacesOn(replica, bridge);
  const tunnel = rows.find(({ name, type }) => name === tunnelPortName && type === 'vxlan');
  const interfaces = rows.map(hostInterface).filter((entry) => entry !== undefined);
  const encap = encapOf(root, settings.encapIp, settings.peerAddress);
  const [systemId, epoch, tunnelOfport] = [root.external_ids.get('system-id'), storedEpoch(replica), tunnel && ofportOf(tunnel)];
  return {
    ...(systemId && { systemId }),
    ...(encap.ip !== undefined && { encapIp: encap.ip }),
    encapIpSource: encap.source,
    datapathType: chosenDatapathType(replica, root, bridge),
    ...(bridge && { bridgeUuid: bridge.uuid, bridgeOwnership: ownershipOf(bridge) }),
    ...(bridge?.datapath_id !== undefined && { datapathId: bridge.datapath_id }),
    ...(tunnelOfport !== undefined && { tunnelOfport }),
    interfaces,
    controllers: controllersOf(replica, bridge),
    ...(root.ovs_version !== undefined && { ovsVersion: root.ovs_version }),
    ...(epoch !== undefined && { epoch }),
    nextCfg: Number(root.next_cfg),
    curCfg: Number(root.cur_cfg),
    problems: [...rootProblems(root, settings), ...bridgeProblems(replica, bridge, rows), ...repeated(interfaces)],
  };
}

function controllersOf(replica: Replica, bridge: Bridge | undefined): HostFacts['controllers'] {
  const rows = (bridge?.controller ?? []).map((uuid) => replica.row('Controller', uuid)).filter((row) => row !== undefined);
  return rows.map(({ target, is_connected, role }) => ({ target, connected: is_connected, ...(role !== undefined && { role }) }));
}

function rootProblems(root: Root, settings: FactsSettings): HostProblem[] {
  const encap = encapOf(root, settings.encapIp, settings.peerAddress);
  const problems: HostProblem[] = encap.malformed.map((source) => ({ kind: 'encap-ip-malformed', source }));
  if (!root.external_ids.get('system-id')) problems.push({ kind: 'system-id-missing' });
  if (encap.ip === undefined) problems.push({ kind: 'encap-ip-missing' });
  else if (encap.source === 'peer') problems.push({ kind: 'encap-ip-guessed', encapIp: encap.ip });
  return problems;
}

function bridgeProblems(replica: Replica, bridge: Bridge | undefined, rows: readonly Row<'Interface'>[]): HostProblem[] {
  const problems: HostProblem[] = [];
  const tunnelPort = replica.find('Port', ({ name }) => name === tunnelPortName);
  if (tunnelPort && (ownershipOf(tunnelPort) !== 'owned' || !bridge?.ports.includes(tunnelPort.uuid)))
    problems.push({ kind: 'tunnel-name-taken', port: tunnelPortName });
  for (const { name, error } of rows) {
    if (error === undefined) continue;
    problems.push(name === tunnelPortName ? { kind: 'tunnel-failed', error } : { kind: 'interface-failed', name, error });
  }
  for (const uuid of bridge?.controller ?? []) {
    const row = replica.row('Controller', uuid);
    if (row && ownershipOf(row) === 'foreign') problems.push({ kind: 'foreign-controller', target: row.target });
  }
  return problems;
}

function repeated(interfaces: readonly HostInterface[]): HostProblem[] {
  const byId = Map.groupBy(interfaces, ({ ifaceId }) => ifaceId);
  const twice = [...byId].filter(([, rows]) => rows.length > 1);
  return twice.map(([ifaceId, rows]) => ({ kind: 'iface-id-twice', ifaceId, names: rows.map(({ name }) => name) }));
}
