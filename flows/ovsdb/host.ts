import { sameValue } from './column.ts';
import type { NamedUuid, Uuid, Value } from './column.ts';
import { chosenDatapathType, datapathTypeOf, probeIsOver, probeNote } from './datapath-type.ts';
import { encapOf } from './encap.ts';
import { adoptedKey, backoffMsMax, datapathProbeKey, ownedKey, ownershipOf, tunnelPortName, vxlanPort } from './host-marks.ts';
import type { Bridge, Root } from './host-marks.ts';
import { repairManagers } from './managers.ts';
import type { Replica } from './replica.ts';
import type { Row } from './tables.ts';
import { TransactionBuilder } from './transaction.ts';
import type { Epoch, Operations } from './transaction.ts';

export interface HostSettings {
  readonly epoch: Epoch;
  /** Name of the integration bridge. */
  readonly bridge: string;
  /** OpenFlow targets of every member, as Open vSwitch writes them: `tcp:10.0.0.1:6653`, `ssl:[2001:db8::1]:6653`. */
  readonly controllers: readonly string[];
  /** OVSDB targets by which the switch finds this member, in the same form. */
  readonly managers?: readonly string[];
  /** OVSDB targets of the other members: the switch is made to connect to them as well. */
  readonly otherManagers?: readonly string[];
  /** The Host's own tunnel address, when it is set there; it wins over the switch's `external_ids`. */
  readonly encapIp?: string;
  /** Only to know the family of the underlay; never written as `local_ip`. */
  readonly peerAddress?: string;
}

/** Weir speaks 1.3 to 1.5; 1.0 is there so that `ovs-ofctl` works on the bridge without being told a version. */
const protocols = ['OpenFlow10', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'];
const protocolsOfOthers = ['OpenFlow10', 'OpenFlow11', 'OpenFlow12'];
const owned = { [ownedKey]: 'true' };

/**
 * Probes of 30 s: a shorter one cuts a controller that compiles; a dead one is seen by the other members. Of packets that come up the
 * switch sends 1,000 a second at most, and where there are more each port has its turn (`controller_rate_limit` in ovs-vswitchd.conf.db(5)).
 */
const controllerColumns = {
  connection_mode: 'out-of-band',
  max_backoff: backoffMsMax,
  inactivity_probe: 30_000,
  controller_rate_limit: 1000,
  controller_burst_limit: 250,
} as const;

/**
 * What makes the host's integration bridge right, or undefined when it is right already. Called again after every change of the
 * replica, it also repairs what somebody else altered.
 *
 * Only rows marked `weir-owned` are written whole. A bridge that stood before is adopted (`weir-adopted`): it gets what Weir needs
 * (secure fail mode, OpenFlow 1.3-1.5 beside the versions it had, no in-band flows, a fixed datapath id, our controllers, the tunnel port); its
 * own ports, controllers and other keys stay. A controller of others on our bridge is kept too, on either kind of bridge, because
 * taking it out of the set would delete a row that is not ours; flows that it writes are put right as drift, and `hostFacts` names it. A
 * controller of others with one of our targets is adopted: Open vSwitch makes one connection per target. So is the Manager that a user
 * made for us.
 *
 * After `committed` or `guard-failed` the next call sees the newer replica; any other refusal repeats until the database changes, so wait for
 * a change instead of sending the same again.
 */
export function hostTransaction(replica: Replica, settings: HostSettings): Operations | undefined {
  const root = replica.root;
  if (!root) return undefined;
  const builder = new TransactionBuilder(settings.epoch);
  const bridge = replica.find('Bridge', ({ name }) => name === settings.bridge);
  if (bridge) repairBridge(builder, replica, root, bridge, settings);
  else makeBridge(builder, replica, root, settings);
  hurryManagers(builder, replica, root, settings);
  repairManagers(builder, replica, root, settings.managers ?? [], settings.otherManagers ?? []);
  if (builder.empty) return undefined;
  return builder.comment(`weir: integration bridge ${settings.bridge}`).raiseNextCfg().build();
}

function makeBridge(builder: TransactionBuilder, replica: Replica, root: Root, settings: HostSettings): void {
  const { bridge: name } = settings;
  builder.guardNoName('Bridge', name).guardRow('Open_vSwitch', root, ['next_cfg']);
  const local = builder.insert('Interface', { name, type: 'internal', external_ids: owned });
  const ports = [builder.insert('Port', { name, interfaces: [local], external_ids: owned })];
  if (!tunnelPort(replica)) ports.push(makeTunnelPort(builder, root, settings));
  const made = builder.insert('Bridge', {
    name,
    ports,
    controller: [...new Set(settings.controllers)].map((target) => makeController(builder, target)),
    datapath_type: chosenDatapathType(replica, root, undefined),
    fail_mode: 'secure',
    protocols,
    other_config: { 'disable-in-band': 'true' },
    external_ids: { ...owned, [datapathProbeKey]: probeNote(root) },
  });
  builder.addTo('Open_vSwitch', root.uuid, 'bridges', [made]);
}

function repairBridge(builder: TransactionBuilder, replica: Replica, root: Root, bridge: Bridge, settings: HostSettings): void {
  const wanted = {
    fail_mode: 'secure',
    protocols: protocolsWanted(bridge),
    datapath_type: chosenDatapathType(replica, root, bridge),
  } as const;
  const isTypeRight = wanted.datapath_type === datapathTypeOf(bridge);
  setColumns(builder, 'Bridge', bridge, { ...wanted, datapath_type: isTypeRight ? bridge.datapath_type : wanted.datapath_type });
  setConfig(builder, bridge);
  setMarks(builder, root, bridge);
  repairControllers(builder, replica, bridge, settings);
  repairTunnelPort(builder, replica, root, bridge, settings);
}

/** An owned bridge speaks our versions; an adopted one goes on speaking what it spoke, where an empty set means all. */
function protocolsWanted(bridge: Bridge): readonly string[] {
  if (ownershipOf(bridge) === 'owned') return protocols;
  const before = bridge.protocols.length > 0 ? bridge.protocols : protocolsOfOthers;
  return [...new Set([...before, ...protocols])].toSorted();
}

/**
 * The datapath id is fixed to what it is: otherwise vswitchd derives it from the lowest MAC of the bridge's ports, and plugging a VM
 * could change it and drop every OpenFlow connection.
 */
function setConfig(builder: TransactionBuilder, bridge: Bridge): void {
  const missing: Record<string, string> = {};
  if (bridge.other_config.get('disable-in-band') !== 'true') missing['disable-in-band'] = 'true';
  if (bridge.datapath_id !== undefined && !bridge.other_config.has('datapath-id')) missing['datapath-id'] = bridge.datapath_id;
  if (Object.keys(missing).length === 0) return;
  builder.guardRow('Bridge', bridge, ['other_config']).setKeys('Bridge', bridge.uuid, 'other_config', missing);
}

function setMarks(builder: TransactionBuilder, root: Root, bridge: Bridge): void {
  if (ownershipOf(bridge) === 'foreign') {
    const marks: Record<string, string> = { [adoptedKey]: 'true' };
    if (bridge.datapath_id === undefined) marks[datapathProbeKey] = probeNote(root);
    builder.guardRow('Open_vSwitch', root, ['next_cfg']).guardRow('Bridge', bridge, ['external_ids']);
    builder.setKeys('Bridge', bridge.uuid, 'external_ids', marks);
  } else if (probeIsOver(root, bridge)) {
    builder.guardRow('Bridge', bridge, ['external_ids']).removeKeys('Bridge', bridge.uuid, 'external_ids', [datapathProbeKey]);
  }
}

/** Sets the columns of a row that differ from what is wanted, guarded by what they held. */
function setColumns<T extends 'Bridge' | 'Port' | 'Interface' | 'Controller' | 'Manager'>(
  builder: TransactionBuilder,
  table: T,
  row: Row<T>,
  wanted: Partial<Row<T>>,
): void {
  const read = row as unknown as Readonly<Record<string, Value>>;
  const wrong = Object.entries(wanted as Readonly<Record<string, Value>>).filter(([column, value]) => !sameValue(read[column], value));
  if (wrong.length === 0) return;
  builder.guardRow(table, row, wrong.map(([column]) => column) as Parameters<typeof builder.guardRow<T>>[2]);
  builder.update(table, row.uuid, Object.fromEntries(wrong) as Parameters<typeof builder.update<T>>[2]);
}

function makeController(builder: TransactionBuilder, target: string): NamedUuid {
  return builder.insert('Controller', { target, ...controllerColumns, external_ids: owned });
}

function repairControllers(builder: TransactionBuilder, replica: Replica, bridge: Bridge, settings: HostSettings): void {
  const present = bridge.controller.map((uuid) => replica.row('Controller', uuid)).filter((row) => row !== undefined);
  const kept = new Set<Uuid>();
  const missing: string[] = [];
  for (const target of new Set(settings.controllers)) {
    const sameTarget = present.filter((row) => row.target === target);
    const row = sameTarget.find((candidate) => ownershipOf(candidate) === 'foreign') ?? sameTarget[0];
    if (!row) {
      missing.push(target);
      continue;
    }
    kept.add(row.uuid);
    setColumns(builder, 'Controller', row, controllerColumns);
    if (ownershipOf(row) === 'foreign') builder.setKeys('Controller', row.uuid, 'external_ids', { [adoptedKey]: 'true' });
  }
  const stale = present.filter((row) => !kept.has(row.uuid));
  for (const row of stale) if (ownershipOf(row) === 'adopted') builder.removeKeys('Controller', row.uuid, 'external_ids', [adoptedKey]);
  const dropped = stale.filter((row) => ownershipOf(row) === 'owned').map((row) => row.uuid);
  if (dropped.length > 0) builder.removeFrom('Bridge', bridge.uuid, 'controller', dropped);
  if (missing.length === 0) return;
  builder.guardRow('Bridge', bridge, ['name']);
  builder.addTo(
    'Bridge',
    bridge.uuid,
    'controller',
    missing.map((target) => makeController(builder, target)),
  );
}

/**
 * The Manager through which the switch finds a member tries again every second, instead of every 8 as ovsdb-server does of itself: until then
 * a controller that was started again cannot serve the host. What a user has set stays.
 */
function hurryManagers(builder: TransactionBuilder, replica: Replica, root: Root, settings: HostSettings): void {
  const { managers = [], otherManagers = [] } = settings;
  for (const uuid of root.manager_options) {
    const row = replica.row('Manager', uuid);
    if (!row || row.max_backoff !== undefined || ![...managers, ...otherManagers].includes(row.target)) continue;
    setColumns(builder, 'Manager', row, { max_backoff: controllerColumns.max_backoff });
    builder.setKeys('Manager', row.uuid, 'external_ids', { [adoptedKey]: 'true' });
  }
}

const tunnelPort = (replica: Replica): Row<'Port'> | undefined => replica.find('Port', ({ name }) => name === tunnelPortName);

/**
 * One port for all remote hosts: flows choose the destination and the VNI. `tos=inherit` carries DSCP to the underlay. UDP checksums are
 * required over IPv6 (RFC 8200 section 8.1) and left out over IPv4 (RFC 7348 section 5). `local_ip` only when the address was
 * stated: a guessed one may be that of a translator on the way.
 */
function tunnelOptions(root: Root, settings: HostSettings): ReadonlyMap<string, string> {
  const encap = encapOf(root, settings.encapIp, settings.peerAddress);
  const isStated = encap.ip !== undefined && encap.source !== 'peer';
  return new Map(
    Object.entries({
      remote_ip: 'flow',
      key: 'flow',
      dst_port: String(vxlanPort),
      tos: 'inherit',
      csum: String(encap.ip?.includes(':') ?? false),
      ...(isStated && { local_ip: encap.ip }),
    }),
  );
}

function makeTunnelPort(builder: TransactionBuilder, root: Root, settings: HostSettings): NamedUuid {
  builder.guardNoName('Port', tunnelPortName);
  const options = tunnelOptions(root, settings);
  const tunnel = builder.insert('Interface', { name: tunnelPortName, type: 'vxlan', options, external_ids: owned });
  return builder.insert('Port', { name: tunnelPortName, interfaces: [tunnel], external_ids: owned });
}

function repairTunnelPort(builder: TransactionBuilder, replica: Replica, root: Root, bridge: Bridge, settings: HostSettings): void {
  const port = tunnelPort(replica);
  if (!port) {
    const made = makeTunnelPort(builder, root, settings);
    builder.guardRow('Bridge', bridge, ['name']).addTo('Bridge', bridge.uuid, 'ports', [made]);
    return;
  }
  // Names are unique in the whole database: a port of others with this name is reported by hostFacts, not taken.
  if (ownershipOf(port) !== 'owned' || !bridge.ports.includes(port.uuid)) return;
  const tunnel = port.interfaces.map((uuid) => replica.row('Interface', uuid)).find((row) => row?.name === tunnelPortName);
  if (!tunnel) return;
  setColumns(builder, 'Port', port, { interfaces: [tunnel.uuid], tag: undefined });
  setColumns(builder, 'Interface', tunnel, { type: 'vxlan', options: tunnelOptions(root, settings) });
  if (ownershipOf(tunnel) !== 'owned') builder.setKeys('Interface', tunnel.uuid, 'external_ids', owned);
}
