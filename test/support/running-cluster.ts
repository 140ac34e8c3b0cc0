import { MemberProxy } from './member-proxy.ts';
import { freePorts } from './ports.ts';
import { RunningWeir } from './running-weir.ts';
import { until } from './weir-client.ts';

const names = ['a', 'b', 'c'];

/** Three members in this process with a store that they share; switches find them at one address, each on ports of its own. */
export class RunningCluster {
  readonly #members = new Map<string, RunningWeir>();
  readonly #present = new Set(names);
  readonly #proxies: MemberProxy[] = [];
  readonly #isCutOff = new Set<string>();

  static async start(advertise: string): Promise<RunningCluster> {
    const cluster = new RunningCluster();
    const ports = await freePorts(names.length * 2);
    const founders = names.map((id, at) => `${id}=127.0.0.1:${ports[at]}`).join(',');
    const started = names.map(async (memberId, at) => {
      const behind = ports[names.length + at] ?? 0;
      const isCut = (from: string): boolean => cluster.#isCutOff.has(from) || cluster.#isCutOff.has(memberId);
      cluster.#proxies.push(await MemberProxy.listen(ports[at] ?? 0, behind, isCut));
      const overrides = { advertise, memberId, founders, memberListen: `127.0.0.1:${behind}` };
      cluster.#members.set(memberId, await RunningWeir.start(overrides));
    });
    await Promise.all(started);
    return cluster;
  }

  get ids(): readonly string[] {
    return names;
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

  /** It runs on, and hears nothing of the others, nor they of it. Switches reach it as before. */
  cutOff(id: string): void {
    this.#isCutOff.add(id);
    for (const proxy of this.#proxies) proxy.cut();
  }

  letIn(id: string): void {
    this.#isCutOff.delete(id);
  }

  async stop(): Promise<void> {
    for (const [, weir] of this.#members) await weir.stop();
    for (const proxy of this.#proxies) proxy.close();
  }
}
