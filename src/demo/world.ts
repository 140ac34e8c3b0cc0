import { randomInt } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WeirError } from '../base/errors.ts';
import { fetchAttachment, type Guest, type Lab, listenTcp, listenUdp, startLab } from '../lab/index.ts';
import { delay } from './act.ts';
import { type Api, type HookAnswer, type StatusAnswer } from './api.ts';
import { cast, idOf, listening, type Player, players } from './cast.ts';
import type { ControllerProcess } from './controller.ts';
import { endStanding, makeDirectory, markOf, record, type ProcessMark } from './standing.ts';
import { HookTimes } from './hook-times.ts';

const examples = resolve(import.meta.dirname, '../../examples');

export interface WorldOptions {
  readonly hosts: number;
  /** It may outlive this process. */
  readonly keep: boolean;
}

/** A lab without a controller, the demo's own directory, and the process that answers for both. */
export interface Ground {
  readonly lab: Lab;
  readonly directory: string;
  readonly owner: ProcessMark;
}

/** What an attempt that fails has made is taken away again. */
export async function openGround({ hosts, keep }: WorldOptions): Promise<Ground> {
  const directory = await makeDirectory();
  const owner = await markOf(process.pid);
  const name = `d${randomInt(36 ** 5)
    .toString(36)
    .padStart(5, '0')}`;
  const standing = { lab: name, controllers: [], owner };
  try {
    await record(directory, standing);
    return { lab: await startLab({ name, hosts, managers: [], detached: keep }), directory, owner };
  } catch (error) {
    await endStanding(directory, standing);
    throw error;
  }
}

/** Weir, a lab that it controls and, once they are on stage, the guests: what acts play with. */
export abstract class World {
  readonly lab: Lab;
  readonly directory: string;
  readonly times = new HookTimes();
  readonly #owner: ProcessMark;

  protected constructor({ lab, directory, owner }: Ground) {
    this.lab = lab;
    this.directory = directory;
    this.#owner = owner;
  }

  /** Of a controller that runs. */
  abstract get api(): Api;

  /** By name; also those that do not run. */
  abstract get controllers(): ReadonlyMap<string, ControllerProcess>;

  /** The one command that a hypervisor needs, on each of them. */
  async join(): Promise<void> {
    const targets = this.#running.map(({ addresses }) => addresses.ovsdb);
    await Promise.all([...this.lab.hosts.values()].map((host) => host.join(targets)));
  }

  /** Waits until the status is as wanted, and returns it. Throws `not-in-time` with the last one. */
  async awaitStatus(wanted: (status: StatusAnswer) => boolean, timeoutMs = 60_000, api = this.api): Promise<StatusAnswer> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const status = await api.status();
      if (wanted(status)) return status;
      if (performance.now() > deadline) throw new WeirError('not-in-time', `after ${timeoutMs} ms: ${JSON.stringify(status.switches)}`);
      await delay(10);
    }
  }

  /** Every switch connected and carrying out the last revision. */
  awaitRealized(timeoutMs?: number): Promise<StatusAnswer> {
    const { size } = this.lab.hosts;
    return this.awaitStatus(
      ({ switches, revision }) =>
        switches.filter((each) => each.connected && each.ovsdb && each.realizedRevision >= revision).length === size,
      timeoutMs,
    );
  }

  /** All documents of `examples/`, one YAML stream. */
  async examples(): Promise<string> {
    const names = (await readdir(examples)).filter((name) => name.endsWith('.yaml')).toSorted();
    return (await Promise.all(names.map((name) => readFile(join(examples, name), 'utf8')))).join('\n---\n');
  }

  /** The start hook, with its times taken down. */
  async start(player: string, host: string): Promise<HookAnswer> {
    const { tenant, vm } = idOf(player);
    return this.times.add('start', await this.api.startVm(tenant, vm, host));
  }

  /** Makes the guest of a started VM and waits until its ports forward. */
  async plug(player: string, host: string): Promise<Guest> {
    const { tenant, vm } = idOf(player);
    const guest = await this.lab.plugGuest(await fetchAttachment({ server: this.api.server, tenant, vm }));
    await this.api.awaitActive(tenant, vm, host);
    return guest;
  }

  /** Starts the whole cast by the hooks, one after the other, then plugs all and lets them listen. */
  async bringOnStage(): Promise<void> {
    for (const player of players) await this.start(player, cast[player]);
    await Promise.all(players.map((player) => this.plug(player, cast[player])));
    await Promise.all(players.map((player) => this.#listen(this.guest(player))));
  }

  guest(player: string): Guest {
    const { tenant, vm } = idOf(player);
    return this.lab.guest(tenant, vm);
  }

  address(player: string, family: 4 | 6 = 4): string {
    const addresses = this.guest(player).interfaces.flatMap((item) => item.addresses.map(({ address }) => address));
    const found = addresses.find((address) => address.includes(':') === (family === 6));
    if (found === undefined) throw new WeirError('malformed', `${player} has no address of IPv${family}`);
    return found;
  }

  hostOf(player: Player): string {
    return cast[player];
  }

  /** Lets everything run on when this process ends. */
  async keep(): Promise<void> {
    await this.#record(null);
    await this.lab.release();
    for (const each of this.#running) each.release();
  }

  async close(): Promise<void> {
    await this.lab.release();
    await Promise.all(this.#running.map((each) => each.stop()));
    await endStanding(this.directory, { lab: this.lab.name, controllers: [], owner: null });
  }

  get #running(): readonly ControllerProcess[] {
    return [...this.controllers.values()].filter(({ isRunning }) => isRunning);
  }

  /** All at once. They are recorded before they listen: they are ended by the next demo, whenever this process is killed. */
  protected async startControllers(controllers: readonly ControllerProcess[]): Promise<void> {
    for (const each of controllers) each.launch();
    await this.#record(this.#owner);
    await Promise.all(controllers.map((each) => each.listens()));
  }

  async #record(owner: ProcessMark | null): Promise<void> {
    await record(this.directory, {
      lab: this.lab.name,
      controllers: await Promise.all(this.#running.map(({ pid }) => markOf(pid))),
      owner,
    });
  }

  async #listen(guest: Guest): Promise<void> {
    const { tcpEcho, tcpDigest, udpEcho } = listening;
    await Promise.all([
      ...tcpEcho.map((port) => listenTcp(this.lab, guest, port)),
      ...tcpDigest.map((port) => listenTcp(this.lab, guest, port, 'digest')),
      ...udpEcho.map((port) => listenUdp(this.lab, guest, port)),
    ]);
  }
}
