import { freePorts } from './ports.ts';
import { RunningWeir } from './running-weir.ts';
import { until } from './weir-client.ts';

const names = ['a', 'b', 'c'];

/** Three members in this process with a store that they share; switches find them at one address, each on ports of its own. */
export class RunningCluster {
  readonly #members = new Map<string, RunningWeir>();
  readonly #present = new Set(names);

  static async start(advertise: string): Promise<RunningCluster> {
    const cluster = new RunningCluster();
    const ports = await freePorts(names.length);
    const founders = names.map((id, at) => `${id}=127.0.0.1:${ports[at]}`).join(',');
    const started = names.map(async (memberId) => {
      cluster.#members.set(memberId, await RunningWeir.start({ advertise, memberId, founders }));
    });
    await Promise.all(started);
    return cluster;
  }

  member(id: string): RunningWeir {
    const member = this.#members.get(id);
    if (!member) throw new Error(`there is no member ${id}`);
    return member;
  }

  /** Those that run. */
  get members(): readonly (readonly [id: string, weir: RunningWeir])[] {
    return [...this.#members].filter(([id]) => this.#present.has(id));
  }

  /** The member that has brought the host's switch up to date last. */
  async ownerOf(host: string): Promise<string> {
    const times = this.members.map(
      ([id, weir]) => [id, weir.events('switch-connected', host).length - weir.events('switch-yielded', host).length] as const,
    );
    const owners = times.filter(([, balance]) => balance > 0).map(([id]) => id);
    return until(() => owners[0]);
  }

  async everyMember(holds: (weir: RunningWeir) => Promise<boolean>): Promise<void> {
    await until(async () => (await Promise.all(this.members.map(([, weir]) => holds(weir)))).every(Boolean));
  }

  async end(id: string): Promise<void> {
    this.#present.delete(id);
    await this.member(id).pause();
  }

  async begin(id: string): Promise<void> {
    await this.member(id).resume();
    this.#present.add(id);
  }

  async stop(): Promise<void> {
    for (const [, weir] of this.#members) await weir.stop();
  }
}
