import { resolveName } from '../../../policies/model/index.ts';
import type { InterfaceWanted, VmInterface, VmSpec, WantedOf } from '../../../policies/model/index.ts';
import type { Draft } from '../draft.ts';
import { refusal } from '../error.ts';
import { networkKeyOf } from '../indexes/occupancy.ts';
import { documentKey, tenantScope } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';
import { allocateAddresses, allocateMac, checkAddress, checkMac } from '../numbers/addresses.ts';
import { placeZones, removeZones } from '../numbers/zones.ts';
import { mayUse } from '../usage.ts';
import type { Handler } from './handler.ts';

type Vm = DocumentOfKind<'Vm'>;
type Network = DocumentOfKind<'Network'>;

export const vmHandler: Handler<'Vm'> = {
  release: (draft, wanted, before) => {
    const kept = before.spec.interfaces.map((entry) =>
      afterRelease(
        entry,
        wanted.spec.interfaces.find((candidate) => candidate.name === entry.name),
      ),
    );
    const changes = kept.some((entry, index) => entry !== before.spec.interfaces[index]);
    if (changes) draft.write(documentKey('Vm', wanted.tenant, wanted.name), { ...before, spec: { ...before.spec, interfaces: kept } });
  },

  resolve: (draft, wanted, before) => {
    const { host, power } = resolvePlacement(draft, wanted, before);
    const interfaces: VmInterface[] = [];
    const claims = new Claims(draft, wanted, before);
    for (const [index, entry] of wanted.spec.interfaces.entries()) claims.check(entry, index);
    for (const [index, entry] of wanted.spec.interfaces.entries()) interfaces.push(claims.resolve(entry, index, interfaces));
    return { hypervisor: wanted.spec.hypervisor, ...(host === undefined ? {} : { host }), power, interfaces };
  },

  changed: (draft, before, after) => {
    if (after !== undefined) placeZones(draft, after);
    else if (before !== undefined) removeZones(draft, before);
  },
};

/** What the interfaces of a request ask for, so that none of it is allocated to another one. */
export function reserveAddresses(draft: Draft, wanted: WantedOf<'Vm'>): void {
  for (const entry of wanted.spec.interfaces) {
    if (!entry.addresses?.length) continue;
    const network = networkKeyOf(wanted.tenant, entry.network);
    const reserved = draft.reserved.get(network) ?? new Set();
    draft.reserved.set(network, reserved);
    for (const address of entry.addresses) reserved.add(address);
  }
}

/** What an interface still holds while the request is carried out. */
function afterRelease(entry: VmInterface, wanted: InterfaceWanted | undefined): VmInterface {
  if (wanted === undefined || wanted.network !== entry.network) return { ...entry, mac: '', addresses: [] };
  const keepsMac = wanted.mac === undefined || wanted.mac === entry.mac;
  const { addresses } = wanted;
  const kept = addresses === undefined ? entry.addresses : entry.addresses.filter((address) => addresses?.includes(address));
  if (keepsMac && kept.length === entry.addresses.length) return entry;
  return { ...entry, mac: keepsMac ? entry.mac : '', addresses: kept };
}

function resolvePlacement(draft: Draft, wanted: WantedOf<'Vm'>, before: Vm | undefined): Pick<VmSpec, 'host' | 'power'> {
  const power = wanted.spec.power === undefined ? (before?.spec.power ?? 'stopped') : (wanted.spec.power ?? 'stopped');
  const host = wanted.spec.host === undefined ? before?.spec.host : (wanted.spec.host ?? undefined);
  if (power !== 'running') return { host, power };
  if (host === undefined) {
    const code = wanted.spec.power === 'running' ? 'malformed' : 'conflict';
    throw refusal(code, '/spec/host', 'is needed for a VM that runs');
  }
  if (before?.spec.power === 'running') {
    if (before.spec.host !== host)
      throw refusal('conflict', '/spec/host', `cannot change while the VM runs on ${before.spec.host}: stop it or migrate it`);
  } else checkSchedulable(draft, host);
  return { host, power };
}

export function checkSchedulable(draft: Draft, host: string): void {
  const spec = draft.value(documentKey('Host', undefined, host))?.spec;
  if (spec === undefined) throw refusal('reference-missing', '/spec/host', `there is no host ${host}`);
  if (!spec.schedulable) throw refusal('conflict', '/spec/host', `host ${host} takes no more VMs: it is not schedulable`);
}

/** MACs and addresses of a VM's interfaces: kept, as given, or allocated. */
class Claims {
  readonly #draft: Draft;
  readonly #tenant: string;
  readonly #vm: Key<Vm>;
  readonly #before: ReadonlyMap<string, VmInterface>;
  readonly #wanted: readonly InterfaceWanted[];

  constructor(draft: Draft, wanted: WantedOf<'Vm'>, before: Vm | undefined) {
    this.#draft = draft;
    this.#tenant = wanted.tenant ?? '';
    this.#vm = documentKey('Vm', wanted.tenant, wanted.name);
    this.#before = new Map(before?.spec.interfaces.map((entry) => [entry.name, entry]));
    this.#wanted = wanted.spec.interfaces;
  }

  /** What the user chose must be free; what the interface has already is. */
  check(entry: InterfaceWanted, index: number): void {
    const pointer = `/spec/interfaces/${index}`;
    const network = this.#networkOf(entry, pointer);
    const held = this.#held(entry);
    if (typeof entry.mac === 'string' && entry.mac !== held?.mac) checkMac(this.#draft, network, entry.mac, this.#vm, `${pointer}/mac`);
    for (const [position, address] of (entry.addresses ?? []).entries()) {
      if (!held?.addresses.includes(address)) checkAddress(this.#draft, network, address, this.#vm, `${pointer}/addresses/${position}`);
    }
    this.#checkTwins(entry, index);
  }

  resolve(entry: InterfaceWanted, index: number, placed: readonly VmInterface[]): VmInterface {
    const pointer = `/spec/interfaces/${index}`;
    const held = this.#held(entry);
    const mac = entry.mac ?? (entry.mac === undefined ? this.#keptMac(entry, placed) : undefined) ?? allocateMac(this.#draft);
    const addresses =
      entry.addresses ?? (entry.addresses === undefined ? held?.addresses : undefined) ?? this.#allocate(entry, placed, pointer);
    return { name: entry.name, network: entry.network, mac, addresses, labels: entry.labels, ports: entry.ports };
  }

  /** Nothing that the request asks for elsewhere, and nothing that an interface before this one got. */
  #allocate(entry: InterfaceWanted, placed: readonly VmInterface[], pointer: string): readonly string[] {
    const network = networkKeyOf(this.#tenant, entry.network);
    const reserved = new Set(this.#draft.reserved.get(network));
    for (const other of placed) if (other.network === entry.network) for (const address of other.addresses) reserved.add(address);
    return allocateAddresses(this.#draft, this.#networkOf(entry, pointer), `${pointer}/addresses`, reserved);
  }

  /** The interface of this name as it is, unless it moves to another network. */
  #held(entry: InterfaceWanted): VmInterface | undefined {
    const held = this.#before.get(entry.name);
    return held?.network === entry.network ? held : undefined;
  }

  /** An interface that moves to another network takes its MAC along, unless that is somebody's there. */
  #keptMac(entry: InterfaceWanted, placed: readonly VmInterface[]): string | undefined {
    const before = this.#before.get(entry.name);
    if (before === undefined || before.network === entry.network) return before?.mac;
    const others = [...placed, ...this.#wanted.filter((other) => other !== entry)];
    if (others.some((other) => other.network === entry.network && other.mac === before.mac)) return undefined;
    const network = networkKeyOf(this.#tenant, entry.network);
    return this.#draft.working.occupancy.macsOf(network).has(before.mac) ? undefined : before.mac;
  }

  #networkOf(entry: InterfaceWanted, pointer: string): Network {
    const scoped = resolveName(this.#tenant, entry.network);
    const network = this.#draft.value(documentKey('Network', scoped.tenant, scoped.name));
    if (network === undefined || !mayUse(this.#draft, this.#tenant, entry.network)) {
      throw refusal('reference-missing', `${pointer}/network`, `there is no network ${entry.network}`);
    }
    this.#draft.touch(tenantScope(scoped.tenant ?? ''));
    return network;
  }

  /** Two interfaces of one VM in one network cannot ask for the same. */
  #checkTwins(entry: InterfaceWanted, index: number): void {
    for (const other of this.#wanted.slice(0, index)) {
      if (other.network !== entry.network) continue;
      const pointer = `/spec/interfaces/${index}`;
      if (typeof entry.mac === 'string' && entry.mac === other.mac)
        throw refusal('address-in-use', `${pointer}/mac`, `${entry.mac} is given to interface ${other.name} too`);
      const position = entry.addresses?.findIndex((address) => other.addresses?.includes(address)) ?? -1;
      if (position >= 0)
        throw refusal(
          'address-in-use',
          `${pointer}/addresses/${position}`,
          `${entry.addresses?.[position]} is given to interface ${other.name} too`,
        );
    }
  }
}
