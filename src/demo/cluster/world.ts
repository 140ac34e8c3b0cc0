import { join } from 'node:path';
import { WeirError } from '../../base/errors.ts';
import { freePorts } from '../../lab/index.ts';
import { delay } from '../act.ts';
import type { Api, ClusterAnswer } from '../api.ts';
import type { ControllerProcess } from '../controller.ts';
import { type Ground, openGround, World, type WorldOptions } from '../world.ts';
import { Authority, type MemberFiles } from './certificates.ts';
import { Epochs } from './epochs.ts';
import { Ledger } from './ledger.ts';
import { type Coming, Member } from './member.ts';
import { judgeViews, type Owners, readMembers, sameOwners, type SwitchView } from './owners.ts';

export type ClusterSize = 3 | 5;

const pollMs = 50;
const ownersPollMs = 200;
const ownersMsMax = 60_000;

/** Several controllers. Some may be dead, one may stand still. */
export class ClusterWorld extends World {
  readonly ledger = new Ledger();
  readonly epochs: Epochs;
  readonly size: ClusterSize;
  /** Who has which switch when all are there. */
  shares: Owners = { of: new Map(), wrong: [] };
  readonly #members = new Map<string, Member>();
  #authority: Authority | undefined;
  #still: string | undefined;
  #statusIntervalMs = 5000;
  #named = 0;

  private constructor(ground: Ground, size: ClusterSize) {
    super(ground);
    this.size = size;
    this.epochs = new Epochs(ground.lab);
  }

  /** No controller is there yet. */
  static async open(options: WorldOptions & { readonly size: ClusterSize }): Promise<ClusterWorld> {
    return new ClusterWorld(await openGround(options), options.size);
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Those that run and do not stand still. */
  get present(): readonly Member[] {
    return this.members.filter(({ id, process }) => process.isRunning && id !== this.#still);
  }

  override get api(): Api {
    const [first] = this.present;
    if (first === undefined) throw new WeirError('not-started', 'no controller is running');
    return first.api;
  }

  override get controllers(): ReadonlyMap<string, ControllerProcess> {
    return new Map(this.members.map(({ id, process }) => [id, process]));
  }

  /** Throws `not-started` for one that never was there. */
  member(id: string): Member {
    const member = this.#members.get(id);
    if (!member) throw new WeirError('not-started', `there is no member ${id}`);
    return member;
  }

  /** An authority, certificates and an address for each of those that begin the cluster. */
  async prepareFounders(): Promise<void> {
    const authority = await Authority.make(join(this.directory, 'pki'));
    this.#authority = authority;
    const ports = await freePorts(this.size);
    const places = ports.map((port) => ({ id: this.#nextName(), address: `127.0.0.1:${port}` }));
    const founders = new Map(places.map(({ id, address }) => [id, address]));
    const prepared = await Promise.all(places.map(async (place) => ({ ...place, files: await authority.issue(place.id) })));
    for (const { id, address, files } of prepared) this.#add(id, address, files, { kind: 'founder', founders });
  }

  /** Starts all that do not run, and returns when each of them listens. */
  async startMembers(): Promise<void> {
    await this.startControllers(this.members.map(({ process }) => process).filter(({ isRunning }) => !isRunning));
  }

  async startMember(id: string): Promise<void> {
    await this.startControllers([this.member(id).process]);
  }

  /** One more, with a name that none ever had. Returns when it listens. */
  async joinMember(server: string): Promise<Member> {
    const [port] = await freePorts(1);
    if (!this.#authority) throw new WeirError('not-started', 'there is no authority');
    const id = this.#nextName();
    this.#add(id, `127.0.0.1:${port}`, await this.#authority.issue(id), { kind: 'joining', server });
    await this.startMember(id);
    return this.member(id);
  }

  /** It is not one of the cluster any more. */
  async dismiss(id: string): Promise<void> {
    await this.member(id).process.stop();
    this.#members.delete(id);
  }

  /** Until `thaw`. */
  freeze(id: string): void {
    this.member(id).process.freeze();
    this.#still = id;
  }

  thaw(): void {
    if (this.#still === undefined) return;
    this.member(this.#still).process.thaw();
    this.#still = undefined;
  }

  /** Waits until the members that are there agree on a leader among them. Throws `not-in-time`. */
  async awaitLeader(timeoutMs = 60_000): Promise<ClusterAnswer & { readonly leader: string }> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const answers = await Promise.all(this.present.map(({ api }) => api.cluster().catch(() => undefined)));
      const [first] = answers;
      const leader = first?.leader ?? null;
      const agrees = answers.every((answer) => answer?.leader === leader) && this.present.some(({ id }) => id === leader);
      if (first && leader !== null && agrees) return { ...first, leader };
      if (performance.now() > deadline) throw new WeirError('not-in-time', `no leader after ${timeoutMs} ms`);
      await delay(pollMs);
    }
  }

  /**
   * Who has which switch, as the switches say: waits until it is as wanted, and the same when it is read once more, and returns what it came to in
   * any case.
   */
  async awaitOwners(wanted: (owners: Owners) => boolean = () => true): Promise<Owners> {
    const deadline = performance.now() + ownersMsMax;
    let before: Owners | undefined;
    for (;;) {
      const owners = await this.#readOwners();
      const isRight = owners.wrong.length === 0 && wanted(owners);
      if ((isRight && before && sameOwners(before, owners)) || performance.now() > deadline) return owners;
      before = owners;
      await delay(ownersPollMs);
    }
  }

  async #readOwners(): Promise<Owners> {
    const still = this.#still === undefined ? [] : [this.#still];
    const views = await Promise.all([...this.lab.hosts.keys()].map((host) => this.#view(host)));
    return judgeViews(views, { present: this.present.map(({ id }) => id), still });
  }

  async #view(host: string): Promise<SwitchView> {
    const ports = new Map(this.members.filter(({ process }) => process.wasStarted).map((member) => [member.openflowPort, member.id]));
    return { host, epoch: this.epochs.of(host), members: readMembers(await this.#controllersOf(host), ports) };
  }

  /** vswitchd tells its database of roles every five seconds, and at once when that interval is another than it was. */
  async #controllersOf(host: string): Promise<string> {
    this.#statusIntervalMs = this.#statusIntervalMs === 5000 ? 5001 : 5000;
    await this.lab.vsctl(host, ['set', 'Open_vSwitch', '.', `other_config:stats-update-interval=${this.#statusIntervalMs}`]);
    await delay(pollMs);
    return this.lab.vsctl(host, ['-f', 'csv', '--no-headings', '--columns=target,role,is_connected', 'list', 'Controller']);
  }

  #add(id: string, address: string, files: MemberFiles, coming: Coming): void {
    const { directory, lab } = this;
    this.#members.set(id, new Member({ id, directory, switchAddress: lab.gatewayAddress, address, files, coming }));
  }

  /**
   * Under these names owners follow such that each of three, and each of five, has one of five switches at least: it depends on names alone, and there
   * is something to see whoever is killed.
   */
  #nextName(): string {
    return `ctl${++this.#named}`;
  }

  override async keep(): Promise<void> {
    this.ledger.stop();
    await this.ledger.ended();
    await this.epochs.close();
    await super.keep();
  }

  override async close(): Promise<void> {
    this.ledger.stop();
    await this.epochs.close();
    await super.close();
    await this.ledger.ended();
  }
}
