import type { Packet } from '../../../policies/index.ts';
import { formatAddress, formatMac, parseAddress } from '../../base/addresses.ts';
import type { Address, Mac } from '../../base/addresses.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { Intentions, Seen } from '../../controller/ports.ts';
import type { Blocker, BlockerCode } from '../ports.ts';
import type { Sight } from './sight.ts';
import type { Attached, Standing } from './standing.ts';

/** What to do about each, in a sentence. */
const advice: Readonly<Record<BlockerCode, string>> = {
  'spoof-guard': 'Send from the addresses and the MAC of the interface, or add the address to it.',
  'no-such-address': 'Ask about an address that an interface has, or give it to one.',
  'no-route': 'Join the two networks by a router.',
  isolated: 'Set isolation of the network to none, or reach the VM over another network.',
  'vm-stopped': 'Start the VM.',
  'no-host': 'Start the VM on a host.',
  'no-encap': 'Set external_ids:weir-encap-ip on the host, or spec.encapIp of its Host.',
  'host-down': 'See why the switch is not connected: "weir status", then ovs-vsctl show on the host.',
  'wrong-host': 'Plug the port on the host that the VM was started on, or migrate the VM.',
  'port-not-plugged': 'Plug the port with its external_ids:iface-id.',
  'not-realized': 'Wait a moment; "weir status" shows what the switch carries out.',
  'switch-error': 'Look at the errors of the host: the switch does not take what it is sent.',
  'other-side': 'Ask whoever runs the other side.',
  inconsistent: 'This is a defect of Weir or damage to its state: please report it with this answer.',
};

type Side = Blocker['side'];

export const blocker = (code: BlockerCode, side: Side, detail: string): Blocker => ({ code, side, detail, advice: advice[code] });

export interface Asked {
  readonly from: Standing;
  readonly to: Standing;
  readonly packet: Packet;
  readonly source: Address;
  readonly mac: Mac | undefined;
}

const nameOf = ({ tenant, vm, item }: Attached): string => `${tenant}/${vm.metadata.name}/${item.name}`;

/** What the documents alone say. */
export function* documented(snapshot: Snapshot, asked: Asked): Iterable<Blocker> {
  const { from, to } = asked;
  if (from.kind === 'interface') yield* spoofed(from, asked);
  yield* addressed(asked);
  if (from.kind === 'interface' && to.kind === 'interface') yield* joined(from, to);
  for (const [side, end] of [
    ['from', from],
    ['to', to],
  ] as const)
    if (end.kind === 'interface') yield* placed(end, side);
  if (from.kind !== 'interface' || to.kind !== 'interface' || from.host === to.host) return;
  for (const [side, { host }] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (host !== undefined && snapshot.get('Host', undefined, host)?.document.spec.encapIp === undefined)
      yield blocker('no-encap', side, `host ${host} has no tunnel address`);
  }
}

function* spoofed(from: Attached, { source, mac }: Asked): Iterable<Blocker> {
  const owns = from.item.addresses.map(parseAddress).some(({ family, value }) => family === source.family && value === source.value);
  if (!owns) yield blocker('spoof-guard', 'from', `${formatAddress(source)} is not an address of ${nameOf(from)}`);
  if (mac !== undefined && mac !== from.mac)
    yield blocker('spoof-guard', 'from', `${formatMac(mac)} is not the MAC of ${nameOf(from)}, which is ${from.item.mac}`);
}

function* addressed({ from, to, packet }: Asked): Iterable<Blocker> {
  if (from.kind === 'address')
    yield blocker('no-such-address', 'from', `no interface has the address ${formatAddress(from.address)} there`);
  if (to.kind === 'interface') return;
  const isEcho = 'type' in packet && (packet.type === 8 || packet.type === 128);
  if (to.gatewayOf === undefined)
    yield blocker('no-such-address', 'to', `no interface that can be reached has the address ${formatAddress(to.address)}`);
  else if (!isEcho)
    yield blocker(
      'no-such-address',
      'to',
      `${formatAddress(to.address)} is the gateway of ${to.gatewayOf.name}, which answers echo requests alone`,
    );
}

function* joined(from: Attached, to: Attached): Iterable<Blocker> {
  if (from.domain !== to.domain)
    yield blocker('no-route', 'both', `network ${from.network.name} and network ${to.network.name} are joined by no router`);
  else if (from.network.spec.vni === to.network.spec.vni && from.network.spec.isolation === 'private')
    yield blocker('isolated', 'both', `network ${from.network.name} is private: its members reach the gateway alone`);
}

function* placed(end: Attached, side: Side): Iterable<Blocker> {
  const { power, host } = end.vm.spec;
  const vm = `${end.tenant}/${end.vm.metadata.name}`;
  if (power === 'stopped') yield blocker('vm-stopped', side, `VM ${vm} is stopped`);
  else if (host === undefined) yield blocker('no-host', side, `VM ${vm} has no host`);
}

/** What only the present shows: connections, ports and what is carried out. Each host is looked at once. */
export function* observed(ends: readonly { readonly side: 'from' | 'to'; readonly end: Attached }[], ports: LivePorts): Iterable<Blocker> {
  const seen = new Set<string>();
  for (const { side, end } of ends) {
    if (end.host === undefined) continue;
    const isSeen = seen.has(end.host);
    seen.add(end.host);
    const isDown = ports.read.hostStatus(end.host)?.connected !== true;
    if (!isSeen) yield* hostBlockers(end.host, side, isDown, ports);
    yield* portBlockers(end, side, isDown, ports.read);
  }
}

export interface LivePorts {
  readonly read: Seen;
  readonly intentions: Intentions;
  readonly revision: number;
  /** Whether an element has a part in the answer. */
  readonly concerns: (host: string, element: string) => boolean;
  readonly sight: Sight;
}

function* hostBlockers(
  host: string,
  side: Side,
  isDown: boolean,
  { read, intentions, revision, concerns, sight }: LivePorts,
): Iterable<Blocker> {
  const status = read.hostStatus(host);
  const reason = intentions.of(host)?.waitingReason ?? 'it has never connected';
  if (isDown) yield blocker('host-down', side, `host ${host} is not connected: ${reason}`);
  else if (status !== undefined && status.realizedRevision < revision)
    yield blocker('not-realized', side, `host ${host} carries out revision ${status.realizedRevision} of ${revision}: ${reason}`);
  for (const { element, error } of status?.errors ?? [])
    if (concerns(host, element))
      yield blocker('switch-error', sight.shows(element) ? side : 'both', `host ${host} refuses ${element}: ${error}`);
}

function* portBlockers(end: Attached, side: Side, isDown: boolean, read: Seen): Iterable<Blocker> {
  const found = read.interfaceStatus(end.tenant, end.vm.metadata.name).find(({ name }) => name === end.item.name);
  const name = nameOf(end);
  if (found?.phase === 'wrong-host')
    yield blocker('wrong-host', side, `${name}: ${found.reason?.replace(/^wrong-host: /, '') ?? 'elsewhere'}`);
  else if (found?.phase === 'prepared')
    yield blocker('port-not-plugged', side, `the port ${end.portId} of ${name} is not plugged on ${end.host}`);
  else if (found?.phase === 'pending' && found.ofport === undefined && !isDown)
    yield blocker('port-not-plugged', side, `the port ${end.portId} of ${name} does not forward on ${end.host}: ${found.reason}`);
}

/** For a tenant: its own in full, and whether there is something on a side that is not its own. */
export function forTenant(blockers: readonly Blocker[], sees: string, from: Standing, to: Standing): readonly Blocker[] {
  const isOwn = (end: Standing): boolean => (end.kind === 'interface' ? end.tenant : (end.gatewayOf?.tenant ?? sees)) === sees;
  const mine = { from: isOwn(from), to: isOwn(to), both: isOwn(from) && isOwn(to) };
  const told = blockers
    .filter(({ side, code }) => mine[side] || code === 'no-route' || code === 'inconsistent')
    .map((each) => {
      if (mine[each.side]) return each;
      return {
        ...each,
        detail: each.code === 'no-route' ? 'the two networks are joined by no router' : 'the flows do not do what the policies say',
      };
    });
  const hidden = blockers.some(({ side, code }) => !mine[side] && code !== 'no-route' && code !== 'inconsistent');
  return hidden ? [...told, blocker('other-side', mine.from ? 'to' : 'from', 'something on the other side keeps it from passing')] : told;
}
