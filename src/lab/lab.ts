import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { WeirError } from '../base/errors.ts';
import { Agent } from './agent.ts';
import { type CommandOptions, type CommandResult, assertPrograms, execute, startChild } from './command.ts';
import { type Guest, makeGuest, planGuest, type PlugRequest, removeGuestParts } from './guest.ts';
import { createDatabase, Hypervisor, type StopManner } from './hypervisor.ts';
import { Links } from './links.ts';
import { endProcesses, executeIn, inNamespace, listNamespaces, namesIn, processesIn, runIpTolerant, startTicksOf } from './namespace.ts';
import { connectStation, type Station } from './station.ts';
import { claimNumber, claimUnderlayNetns, startUnderlay } from './underlay.ts';
import {
  checkHostCount,
  checkLabName,
  gatewayDevice,
  guestNetns,
  integrationBridge,
  isNetnsOf,
  type LabPlan,
  managerTargets,
  planLab,
  planStation,
  stationsMax,
  underlayNetns,
} from './plan.ts';
import {
  claimDirectory,
  claimGuest,
  claimGuestNumber,
  defaultLabsDirectory,
  readGuests,
  readLabState,
  removeGuest,
  removeLabsDirectory,
  writeGuest,
  writeLabState,
} from './state.ts';

export interface LabOptions {
  readonly hosts: number;
  /** Holds labs by name. Default `WEIR_LAB_DIR`, else /run/weir-lab. */
  readonly directory?: string;
  /** Unique on the machine, at most eight characters. Default: one made at random. */
  readonly name?: string;
  /** Targets for `ovs-vsctl set-manager`; `tcp:gateway:PORT` is this machine. Default: `tcp:gateway:6640`; empty: none. */
  readonly managers?: readonly string[];
  /** Whether tunnels run over IPv4 (the default) or IPv6. */
  readonly encapFamily?: 4 | 6;
  /** The lab outlives this process. Otherwise the next lab in the same directory takes it down once this process has ended. */
  readonly detached?: boolean;
}

/** What `weir lab up` prints. `ovsdb` and `vswitchd` are control sockets. */
export interface LabDescription {
  readonly hosts: readonly { name: string; netns: string; ovsdb: string; vswitchd: string; bridge: string; encapIp: string }[];
  readonly guests: readonly { tenant: string; vm: string; interface: string; netns: string; host: string; ofport: number | null }[];
}

/**
 * Makes a lab: the underlay, then all hosts at once. What an attempt that fails has made is taken away again.
 * Throws `not-root`, `program-missing`, `lab-exists`.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  assertRoot();
  assertPrograms(['ip', 'nsenter', 'ethtool', 'ovsdb-tool', 'ovsdb-server', 'ovs-vswitchd', 'ovs-vsctl', 'ovs-ofctl']);
  const name = options.name ?? randomName();
  checkLabName(name);
  checkHostCount(options.hosts);
  const labs = options.directory ?? defaultLabsDirectory();
  await reclaimLabs(labs);
  const directory = join(labs, name);
  if (!(await claimDirectory(directory))) throw await clashError(name, labs);
  try {
    // The name is ours from here on, and with it everything that removeLab takes down.
    await claimUnderlayNetns(name, underlayNetns(name));
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  const links = new Links();
  try {
    return await buildLab(name, directory, options, links);
  } catch (error) {
    links.close();
    await removeLab(name, labs);
    throw error;
  }
}

async function buildLab(name: string, directory: string, options: LabOptions, links: Links): Promise<Lab> {
  const number = await claimNumber(links, underlayNetns(name));
  const plan = planLab(name, number, options.hosts, directory);
  const managers = managerTargets(options.managers ?? ['tcp:gateway:6640'], plan.gateway.address);
  const encapFamily = options.encapFamily ?? 4;
  const owner = options.detached ? null : { pid: process.pid, startTicks: (await startTicksOf(process.pid)) ?? '' };
  await writeLabState(directory, { name, number, hosts: options.hosts, managers, encapFamily, owner });
  const database = join(directory, 'empty.db');
  await Promise.all([startUnderlay(plan, links), createDatabase(database)]);
  const lab = new Lab(plan, encapFamily, links);
  await Promise.all([...lab.hosts.values()].map((host) => host.start(database)));
  await Promise.all([...lab.hosts.values()].map((host) => host.join(managers)));
  await Promise.all([...lab.hosts.keys()].map((name) => lab.meetPeers(name)));
  return lab;
}

/** Opens a lab that stands. Throws `lab-missing`. */
export async function openLab(name: string, labs: string = defaultLabsDirectory()): Promise<Lab> {
  assertRoot();
  checkLabName(name);
  const directory = join(labs, name);
  const state = await readLabState(directory);
  if (!state) throw new WeirError('lab-missing', `there is no lab "${name}" in ${labs}: make one with "weir lab up"`);
  return new Lab(planLab(name, state.number, state.hosts, directory), state.encapFamily, new Links(), await readGuests(directory));
}

/**
 * Takes a lab down: its processes, namespaces, links and files. Needs nothing but its name, so it also ends a lab whose
 * start was cut off. Returns false when there was nothing.
 */
export async function removeLab(name: string, labs: string = defaultLabsDirectory()): Promise<boolean> {
  assertRoot();
  checkLabName(name);
  const directory = join(labs, name);
  const state = await readLabState(directory);
  const present = (await namesIn(labs)).includes(name);
  const namespaces = present ? (await listNamespaces()).filter((netns) => isNetnsOf(name, netns)) : [];
  const left = await endProcesses((await processesIn(namespaces)).filter((pid) => pid !== process.pid));
  if (left.length > 0) throw new WeirError('process-stuck', `processes ${left.join(', ')} of lab "${name}" do not end`);
  // Namespaces fade away only after a while: the link in this one goes at once.
  if (state) await runIpTolerant([`link delete ${gatewayDevice(state.number)}`]);
  // Somebody else may be taking the same lab down: what counts is that nothing is left.
  const complaint = await runIpTolerant(namespaces.map((netns) => `netns delete ${netns}`));
  const remaining = (await listNamespaces()).filter((netns) => namespaces.includes(netns));
  if (remaining.length > 0) throw new WeirError('command-failed', `namespaces ${remaining.join(', ')} cannot be deleted: ${complaint}`);
  await rm(directory, { recursive: true, force: true });
  if (labs === defaultLabsDirectory()) await removeLabsDirectory(labs);
  return present;
}

/** Takes down labs whose owner ended without doing so. */
async function reclaimLabs(labs: string): Promise<void> {
  for (const name of await namesIn(labs)) {
    const owner = (await readLabState(join(labs, name)))?.owner;
    if (owner && (await startTicksOf(owner.pid)) !== owner.startTicks) await removeLab(name, labs);
  }
}

/** A lab that runs. Its state is on disk: several processes can use one lab. */
export class Lab {
  readonly plan: LabPlan;
  readonly hosts: ReadonlyMap<string, Hypervisor>;
  readonly #links: Links;
  readonly #guests = new Map<string, Guest>();
  readonly #agents = new Map<string, Agent>();

  constructor(plan: LabPlan, encapFamily: 4 | 6, links: Links, guests: readonly Guest[] = []) {
    this.plan = plan;
    this.hosts = new Map(plan.hosts.map((host) => [host.name, new Hypervisor(host, encapFamily)]));
    this.#links = links;
    for (const guest of guests) this.#guests.set(guest.netns, guest);
  }

  get name(): string {
    return this.plan.name;
  }

  /** Where the hosts reach servers of this namespace. */
  get gatewayAddress(): string {
    return this.plan.gateway.address;
  }

  get guests(): readonly Guest[] {
    return [...this.#guests.values()];
  }

  /** Throws `host-missing`. */
  host(name: string): Hypervisor {
    const host = this.hosts.get(name);
    if (!host) throw new WeirError('host-missing', `lab "${this.name}" has no host "${name}", only ${[...this.hosts.keys()].join(', ')}`);
    return host;
  }

  /** The guest of a VM, on a given host where it has one on several. Throws `guest-missing`. */
  guest(tenant: string, vm: string, host?: string): Guest {
    const found = this.guests.find((guest) => guest.tenant === tenant && guest.vm === vm && (host === undefined || guest.host === host));
    if (!found) throw new WeirError('guest-missing', `${tenant}/${vm} is not plugged in lab "${this.name}"`);
    return found;
  }

  /** Makes a machine for a controller. At most nine; they go with the lab. */
  async addStation(): Promise<Station> {
    for (let index = 1; index <= stationsMax; index++) {
      const plan = planStation(this.plan, index);
      const { code, stderr } = await execute(['ip', 'netns', 'add', plan.netns]);
      if (code === 0) return connectStation(this.plan, plan, this.#links);
      if (!stderr.includes('File exists')) throw new WeirError('command-failed', `ip netns add ${plan.netns}: ${stderr.trim()}`);
    }
    throw new WeirError('stations-exhausted', `lab "${this.name}" has ${stationsMax} stations, which is all it can have`);
  }

  /** Makes the guest of a VM and returns when the switch has its ports. What an attempt that fails made is removed. */
  async plugGuest(request: PlugRequest): Promise<Guest> {
    const host = this.host(request.host);
    const { directory } = this.plan;
    const number = await claimGuestNumber(directory);
    const planned = planGuest(request, number, guestNetns(this.name, number));
    await claimGuest(directory, planned);
    try {
      const guest = await makeGuest(planned, host, this.#links, request.bridgeTimeoutMs ?? 10_000);
      await writeGuest(directory, guest);
      this.#guests.set(guest.netns, guest);
      return guest;
    } catch (error) {
      await removeGuestParts(planned, host);
      await removeGuest(directory, planned);
      throw error;
    }
  }

  async unplugGuest(guest: Guest): Promise<void> {
    await this.#agents.get(guest.netns)?.close();
    this.#agents.delete(guest.netns);
    await removeGuestParts(guest, this.host(guest.host));
    await removeGuest(this.plan.directory, guest);
    this.#guests.delete(guest.netns);
  }

  /** Runs a command in the guest to its end; at the time limit (10 s by default) it is killed. */
  execInGuest(guest: Guest, argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return executeIn(guest.netns, argv, options);
  }

  /** Starts a command in the guest and leaves it running: until it is killed, or the guest is unplugged. */
  spawnInGuest(guest: Guest, argv: readonly string[]): ChildProcess {
    return startChild(inNamespace(guest.netns, argv));
  }

  /** Runs a command in the underlay's namespace, as a stranger among the tunnel endpoints. */
  execInUnderlay(argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return executeIn(this.plan.underlay.netns, argv, options);
  }

  /** The agent in the guest's namespace, started when it is first asked for. */
  agent(guest: Guest): Agent {
    const known = this.#agents.get(guest.netns);
    if (known && !known.ended) return known;
    const agent = new Agent(guest.netns);
    this.#agents.set(guest.netns, agent);
    return agent;
  }

  ofctl(host: string, args: readonly string[], options?: CommandOptions): Promise<string> {
    return this.host(host).ofctl(args, options);
  }

  appctl(host: string, args: readonly string[], timeoutMs?: number): Promise<string> {
    return this.host(host).appctl(args, timeoutMs);
  }

  vsctl(host: string, args: readonly string[], options?: CommandOptions): Promise<string> {
    return this.host(host).vsctl(args, options);
  }

  async restartVswitchd(host: string, manner: StopManner): Promise<void> {
    await this.stopVswitchd(host, manner);
    await this.startVswitchd(host);
  }

  stopVswitchd(host: string, manner: StopManner): Promise<void> {
    return this.host(host).stopVswitchd(manner);
  }

  async startVswitchd(host: string): Promise<void> {
    await this.host(host).startVswitchd();
    await this.meetPeers(host);
  }

  /** Lets a host's switch know where the others are. */
  async meetPeers(host: string): Promise<void> {
    await this.host(host).meetPeers(this.plan.hosts.filter((peer) => peer.name !== host));
  }

  /** The lab as it is now: port numbers come from the switches. */
  async describe(): Promise<LabDescription> {
    const occupied = new Set(this.guests.map((guest) => guest.host));
    const ports = new Map(await Promise.all([...occupied].map(async (name) => [name, await this.host(name).portNumbers()] as const)));
    return {
      hosts: [...this.hosts.values()].map(({ name, netns, ovsdbSocket, vswitchdSocket, encapIp }) => ({
        name,
        netns,
        ovsdb: ovsdbSocket,
        vswitchd: vswitchdSocket,
        bridge: integrationBridge,
        encapIp,
      })),
      guests: this.guests.flatMap(({ tenant, vm, host, netns, interfaces }) =>
        interfaces.map(({ name, port }) => ({ tenant, vm, interface: name, netns, host, ofport: ports.get(host)?.get(port) ?? null })),
      ),
    };
  }

  /** Lets go of the lab and leaves it standing. */
  async release(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
    this.#agents.clear();
    this.#links.close();
  }

  /** Takes the lab down. */
  async close(): Promise<void> {
    await this.release();
    await removeLab(this.name, dirname(this.plan.directory));
  }
}

async function clashError(name: string, labs: string): Promise<WeirError> {
  const state = await readLabState(join(labs, name));
  const what = state ? `with ${state.hosts} hosts` : 'whose start was cut off';
  return new WeirError(
    'lab-exists',
    `a lab "${name}" ${what} exists in ${labs}: end it with "weir lab down --name ${name}", or choose another name`,
  );
}

function assertRoot(): void {
  if (process.getuid?.() !== 0) throw new WeirError('not-root', 'a lab makes network namespaces and links: run it as root');
}

/** An `l` and five characters out of 36. */
function randomName(): string {
  return `l${randomInt(36 ** 5)
    .toString(36)
    .padStart(5, '0')}`;
}
