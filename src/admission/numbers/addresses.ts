import { isGatewayMac, usableRange } from '../../../policies/model/index.ts';
import { formatAddress, formatMac, parseAddress, parsePrefix, prefixContains } from '../../base/addresses.ts';
import type { Prefix } from '../../base/addresses.ts';
import type { Random } from '../../base/random.ts';
import { idOf } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { refusal } from '../error.ts';
import { documentKey, networkCursorKey } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';

type Network = DocumentOfKind<'Network'>;

/** An address in each subnet of the network. `reserved`: taken by the same request, but not in place yet. */
export function allocateAddresses(draft: Draft, network: Network, pointer: string, reserved: ReadonlySet<string>): readonly string[] {
  return network.spec.subnets.map((subnet) => allocateAddress(draft, network, subnet, pointer, reserved));
}

/** The next free address behind the one that was given out last, going round: what was released comes again last. */
function allocateAddress(
  draft: Draft,
  network: Network,
  subnet: Network['spec']['subnets'][number],
  pointer: string,
  reserved: ReadonlySet<string>,
): string {
  const prefix = parsePrefix(subnet.cidr);
  const { first, last } = usableRange(prefix);
  const cursorKey = networkCursorKey(network.metadata.tenant ?? '', network.metadata.name);
  const cursors = draft.value(cursorKey) ?? {};
  const taken = draft.working.occupancy.addressesOf(keyOfNetwork(network));
  const size = last - first + 1n;
  // With one address for each that is taken, one for the gateway and one more, a free one is among them.
  const enough = BigInt(taken.size + reserved.size) + 2n;
  const steps = enough < size ? enough : size;
  let value = cursorOf(cursors, subnet.cidr, prefix) ?? first - 1n;
  for (let step = 0n; step < steps; step++) {
    value = value >= last ? first : value + 1n;
    const text = formatAddress({ family: prefix.family, value });
    if (text === subnet.gateway || taken.has(text) || reserved.has(text)) continue;
    draft.write(cursorKey, { ...cursors, [subnet.cidr]: text });
    return text;
  }
  throw refusal('pool-exhausted', pointer, `cannot be given: every address of ${subnet.cidr} is in use`);
}

function cursorOf(cursors: Readonly<Record<string, string>>, cidr: string, prefix: Prefix): bigint | undefined {
  const text = cursors[cidr];
  if (text === undefined) return undefined;
  const address = parseAddress(text);
  return prefixContains(prefix, address) ? address.value : undefined;
}

/** An address that a user chose must be in a subnet, be no gateway, network or broadcast address, and be nobody else's. */
export function checkAddress(draft: Draft, network: Network, text: string, vm: Key, pointer: string): void {
  const address = parseAddress(text);
  const subnet = network.spec.subnets.find((candidate) => prefixContains(parsePrefix(candidate.cidr), address));
  if (subnet === undefined) throw refusal('address-outside-subnet', pointer, `${text} is in no subnet of network ${network.metadata.name}`);
  const { first, last } = usableRange(parsePrefix(subnet.cidr));
  if (address.value < first) throw refusal('address-outside-subnet', pointer, `${text} is the network address of ${subnet.cidr}`);
  if (address.value > last) throw refusal('address-outside-subnet', pointer, `${text} is the broadcast address of ${subnet.cidr}`);
  if (text === subnet.gateway) throw refusal('address-in-use', pointer, `${text} is the gateway of ${subnet.cidr}`);
  const holder = draft.working.occupancy.addressesOf(keyOfNetwork(network)).get(text);
  if (holder !== undefined) throw inUse(text, holder, vm, pointer);
}

/** A MAC that a user chose must be nobody else's in the network. */
export function checkMac(draft: Draft, network: Network, mac: string, vm: Key, pointer: string): void {
  const holder = draft.working.occupancy.macsOf(keyOfNetwork(network)).get(mac);
  if (holder !== undefined) throw inUse(mac, holder, vm, pointer);
}

/** Who has it is told within a tenant only. */
function inUse(value: string, holder: { readonly vm: Key; readonly interface: string }, vm: Key, pointer: string): Error {
  const [theirs, ours] = [idOf(holder.vm), idOf(vm)];
  if (theirs.tenant !== ours.tenant) return refusal('address-in-use', pointer, `${value} belongs to another interface of the network`);
  return refusal('address-in-use', pointer, `${value} belongs to interface ${holder.interface} of VM ${theirs.name}`, [theirs]);
}

/** Locally administered, unicast, and nobody's in any network. */
export function allocateMac(draft: Draft): string {
  for (;;) {
    const mac = randomMac(draft.random);
    const text = formatMac(mac);
    if (!isGatewayMac(mac) && !draft.working.occupancy.hasMac(text)) return text;
  }
}

function randomMac(random: Random): number {
  const bytes = random.randomize(new Uint8Array(6));
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

const keyOfNetwork = (network: Network): Key<Network> => documentKey('Network', network.metadata.tenant, network.metadata.name);
