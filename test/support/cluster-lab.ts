import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterStatus } from '../../cluster/index.ts';
import { highestWeight } from '../../cluster/ownership/rendezvous.ts';
import { type Guest, type InterfaceRequest, type Lab, listenTcp, startLab, type Station } from '../../src/lab/index.ts';
import { MemberFiles, token } from './member-files.ts';
import { until } from './weir-client.ts';
import type { WeirProcess } from './weir-process.ts';

const [apiPort, memberPort] = [6680, 6690];
/** Longer than a member is patient with the others, and than it is asked to wait. */
const answerMsMax = 25_000;

/** Ports of the guests: a stream is always let in, of the two others the policy lets one in. */
export const streamPort = 7_000;
export const toggledPorts = [8_000, 8_001] as const;

interface Started {
  readonly interfaces: readonly {
    readonly name: string;
    readonly portId: string;
    readonly mac: string;
    readonly addresses: readonly string[];
    readonly mtu: number;
  }[];
}

/**
 * Controllers as processes, each on a machine of its own, over TLS; hypervisors, and a guest on each. Controllers find each other and their
 * switches through the management network, where packets can be lost between any two.
 */
export class ClusterLab {
  readonly lab: Lab;
  readonly hosts: readonly string[];
  readonly members = new Map<string, WeirProcess>();
  readonly #directory: string;
  readonly #files: MemberFiles;
  readonly #stations = new Map<string, Station>();
  readonly #free: Station[] = [];
  #guests: readonly Guest[] = [];
  #refreshes = 5_000;

  private constructor(lab: Lab, directory: string, files: MemberFiles) {
    this.lab = lab;
    this.hosts = [...lab.hosts.keys()];
    this.#directory = directory;
    this.#files = files;
  }

  /** All serve, own the switches among them, and forward between the guests. */
  static async start(ids: readonly string[], hosts: number): Promise<ClusterLab> {
    const directory = mkdtempSync(join(tmpdir(), 'weir-cluster-lab-'));
    const files = await MemberFiles.make(directory);
    const lab = await startLab({ hosts, directory, managers: [] });
    const cluster = new ClusterLab(lab, directory, files);
    try {
      const places = await Promise.all(ids.map(async (id) => [id, await lab.addStation()] as const));
      const founders = Object.fromEntries(places.map(([id, { address }]) => [id, `${address}:${memberPort}`]));
      for (const [id, station] of places) await cluster.#prepare(id, station, founders);
      await Promise.all(cluster.present.map((member) => member.start()));
      await cluster.#populate();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async #prepare(id: string, station: Station, founders?: Readonly<Record<string, string>>): Promise<WeirProcess> {
    const { address } = station;
    const settings = { ovsdb: `${address}:6640`, openflow: `${address}:6653`, insecureSwitches: true };
    const through = station.command([]);
    const member = await this.#files.prepare({ id, address, apiPort, memberPort, data: id, founders, settings, through, answerMsMax });
    this.members.set(id, member);
    this.#stations.set(id, station);
    return member;
  }

  async #populate(): Promise<void> {
    const [first] = this.present;
    if (!first) throw new Error('there are no members');
    const managers = this.present.map((member) => `tcp:${this.station(member).address}:6640`);
    await Promise.all(this.hosts.map((host) => this.lab.host(host).join(managers)));
    await until(async () => (await Promise.all(this.present.map((member) => this.serves(member)))).every(Boolean));
    await first.must('POST', '/v1/apply', documents(this.hosts.length));
    this.#guests = await Promise.all(this.hosts.map((host, at) => this.#plug(first, `vm${at}`, host)));
    await until(async () => (await this.phases(first)).every((phase) => phase === 'active'));
    for (const guest of this.#guests) for (const port of [streamPort, ...toggledPorts]) await listenTcp(this.lab, guest, port);
  }

  async #plug(at: WeirProcess, vm: string, host: string): Promise<Guest> {
    const { interfaces } = await at.must<Started>('POST', `/v1/tenants/t/vms/${vm}/start`, { host });
    const requests = interfaces.map(({ addresses, ...rest }): InterfaceRequest => {
      return { ...rest, addresses: addresses.map((address) => ({ address: address.split('/')[0] ?? '', prefixLength: 24 })), gateways: [] };
    });
    return this.lab.plugGuest({ tenant: 't', vm, host, interfaces: requests });
  }

  phases(at: WeirProcess): Promise<readonly string[]> {
    return Promise.all(this.hosts.map(async (_, index) => (await at.vm('t', `vm${index}`)).status.phase));
  }

  /** Every guest with the next one, which is on another host. */
  get pairs(): readonly (readonly [from: Guest, to: Guest])[] {
    return this.#guests.map((guest, at) => [guest, this.#guests[(at + 1) % this.#guests.length] ?? guest] as const);
  }

  member(id: string): WeirProcess {
    const member = this.members.get(id);
    if (!member) throw new Error(`there is no member ${id}`);
    return member;
  }

  /** The machine that it runs on. */
  station({ id }: WeirProcess): Station {
    const station = this.#stations.get(id);
    if (!station) throw new Error(`${id} has no machine`);
    return station;
  }

  get present(): readonly WeirProcess[] {
    return [...this.members.values()];
  }

  others(...but: readonly WeirProcess[]): readonly WeirProcess[] {
    return this.present.filter((member) => !but.includes(member));
  }

  async status(at: WeirProcess): Promise<ClusterStatus> {
    return at.must<ClusterStatus>('GET', '/v1/cluster');
  }

  /** Who leads, in the words of these members, once all of them say the same and it is one of them. */
  leader(among: readonly WeirProcess[] = this.present): Promise<WeirProcess> {
    return until(async () => {
      const said = new Set(await Promise.all(among.map(async (member) => (await this.status(member).catch(() => undefined))?.leader)));
      return said.size === 1 ? among.find(({ id }) => said.has(id)) : undefined;
    });
  }

  /** Whether a member sees every switch connected to its owner. */
  async serves(member: WeirProcess): Promise<boolean> {
    const { switches } = await member.must<{ switches: readonly { connected: boolean; ovsdb: boolean }[] }>('GET', '/v1/status');
    return switches.length === this.hosts.length && switches.every(({ connected, ovsdb }) => connected && ovsdb);
  }

  ownerOf(host: string, among: readonly WeirProcess[] = this.present): WeirProcess {
    return this.member(
      highestWeight(
        host,
        among.map(({ id }) => id),
      ) ?? '',
    );
  }

  hostsOf(owner: WeirProcess, among: readonly WeirProcess[] = this.present): readonly string[] {
    return this.hosts.filter((host) => this.ownerOf(host, among) === owner);
  }

  /** `ID ROLE` of those that are connected, ascending. Open vSwitch writes them down every five seconds, and when told another interval. */
  async #roles(host: string): Promise<string> {
    await this.lab.vsctl(host, ['set', 'Open_vSwitch', '.', `other_config:stats-update-interval=${++this.#refreshes}`]);
    const listed = await this.lab.vsctl(host, ['-f', 'csv', '--no-headings', '--columns=target,role,is_connected', 'list', 'Controller']);
    const lines = listed.split('\n').map((line) => line.split(',').map((cell) => cell.replaceAll('"', '')));
    const ids = new Map(this.present.map((member) => [`tcp:${this.station(member).address}:6653`, member.id]));
    return ascending(
      lines.flatMap(([target = '', role = '', isConnected]) => (isConnected === 'true' ? [`${ids.get(target) ?? target} ${role}`] : [])),
    );
  }

  async epoch(host: string): Promise<number> {
    return Number((await this.lab.vsctl(host, ['get', 'Open_vSwitch', '.', 'external_ids:weir-epoch'])).replaceAll(/["\s]/g, ''));
  }

  /**
   * Each switch has the one master that it should have, of those who share it, and no other that may write; `connected`: these besides,
   * and nobody else.
   */
  async areOwned(sharing: readonly WeirProcess[] = this.present, connected: readonly WeirProcess[] = sharing): Promise<void> {
    for (const host of this.hosts) {
      const owner = this.ownerOf(host, sharing);
      const wanted = ascending(connected.map(({ id }) => `${id} ${id === owner.id ? 'master' : 'slave'}`));
      let found = '';
      const isSo = async (): Promise<boolean> => (found = await this.#roles(host)) === wanted;
      await until(isSo).catch(() => Promise.reject(new Error(`${host} has ${found}, and should have ${wanted}`)));
    }
  }

  /** A member that has yet to join. */
  async place(id: string): Promise<WeirProcess> {
    return this.#prepare(id, this.#free.pop() ?? (await this.lab.addStation()));
  }

  /** It comes to the cluster, and votes. */
  async join(member: WeirProcess): Promise<void> {
    const [at] = this.others(member);
    await member.start(['--join', at?.url ?? '', '--join-token', token]);
    await until(async () => (await this.status(member)).members.some(({ id, role }) => id === member.id && role === 'voter'));
  }

  /** It is none of the cluster any more, and ends. */
  async remove(member: WeirProcess): Promise<void> {
    const [at] = this.others(member);
    await at?.must('DELETE', `/v1/cluster/members/${member.id}`);
    this.members.delete(member.id);
    await member.end('SIGTERM');
    this.#free.push(this.station(member));
  }

  async close(): Promise<void> {
    await this.lab.close();
    await Promise.all(this.present.map((member) => member.end('SIGKILL')));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const ascending = (texts: readonly string[]): string => texts.toSorted().join(', ');

/** Lets in one of two ports, besides what is always let in. */
export const allowing = (port: number): object => ({
  kind: 'Policy',
  metadata: { name: 'web', tenant: 't' },
  spec: {
    tier: 'tenant',
    appliesTo: ['all'],
    ingress: [{ action: 'allow', services: [{ protocol: 'icmp' }, { protocol: 'tcp', port: streamPort }, { protocol: 'tcp', port }] }],
    egress: [{ action: 'allow' }],
  },
});

const documents = (guests: number): object[] => [
  { kind: 'Tenant', metadata: { name: 't' }, spec: { posture: 'zero-trust' } },
  { kind: 'Network', metadata: { name: 'net', tenant: 't' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
  { kind: 'Group', metadata: { name: 'all', tenant: 't' }, spec: { selector: {} } },
  allowing(toggledPorts[0]),
  ...Array.from({ length: guests }, (_, at) => ({
    kind: 'Vm',
    metadata: { name: `vm${at}`, tenant: 't' },
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] },
  })),
];
