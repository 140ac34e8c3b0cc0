import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, startLab } from '../../src/lab/index.ts';
import { OpenFlowProxy } from './openflow-proxy.ts';
import { freePorts } from './ports.ts';
import { until } from './weir-client.ts';
import { WeirProcess } from './weir-process.ts';

interface Member {
  readonly process: WeirProcess;
  /** Where switches know it, and what it says to them goes through. */
  readonly openflowPort: number;
  readonly ovsdbPort: number;
  readonly proxy: OpenFlowProxy;
}

/** Hypervisors, and controllers as processes beside them: one by itself, or members. What they say to switches goes through a proxy of each. */
export class ProxiedCluster {
  readonly lab: Lab;
  readonly hosts: readonly string[];
  readonly #directory: string;
  readonly #members = new Map<string, Member>();

  private constructor(lab: Lab, directory: string) {
    this.lab = lab;
    this.hosts = [...lab.hosts.keys()];
    this.#directory = directory;
  }

  /** All of them serve all hosts. */
  static async start(ids: readonly string[], hosts: number): Promise<ProxiedCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'weir-proxied-'));
    const cluster = new ProxiedCluster(await startLab({ hosts, directory, managers: [] }), directory);
    try {
      await cluster.#gather(ids);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async #gather(ids: readonly string[]): Promise<void> {
    const ports = await freePorts(ids.length);
    const founders = ids.map((id, at) => `${id}=127.0.0.1:${ports[at]}`).join(',');
    await Promise.all(ids.map((id) => this.#begin(id, ids.length > 1 ? ['--member-id', id, '--founders', founders] : [])));
    const managers = ids.map((id) => `tcp:${this.lab.gatewayAddress}:${this.#member(id).ovsdbPort}`);
    await Promise.all(this.hosts.map((host) => this.lab.host(host).join(managers)));
    await Promise.all(ids.map((id) => until(() => this.get(id).serves(this.hosts))));
  }

  async #begin(id: string, origin: readonly string[]): Promise<void> {
    const [api = 0, openflowPort = 0, ovsdbPort = 0] = await freePorts(3);
    const { gatewayAddress } = this.lab;
    const flags = {
      data: join(this.#directory, id),
      listen: `127.0.0.1:${api}`,
      openflow: `127.0.0.1:${openflowPort}`,
      ovsdb: `0.0.0.0:${ovsdbPort}`,
      advertise: gatewayAddress,
      'log-level': 'error',
    };
    const args = [...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]), '--insecure-switches', ...origin];
    const process = new WeirProcess({ id, url: `http://127.0.0.1:${api}`, args });
    this.#members.set(id, { process, openflowPort, ovsdbPort, proxy: await OpenFlowProxy.listen(gatewayAddress, openflowPort) });
    await process.start();
  }

  #member(id: string): Member {
    const member = this.#members.get(id);
    if (!member) throw new Error(`there is no member ${id}`);
    return member;
  }

  get(id: string): WeirProcess {
    return this.#member(id).process;
  }

  openflowPort(id: string): number {
    return this.#member(id).openflowPort;
  }

  proxy(id: string): OpenFlowProxy {
    return this.#member(id).proxy;
  }

  addressOf(host: string): string {
    return this.lab.plan.hosts.find(({ name }) => name === host)?.managementAddress ?? '';
  }

  /** Flow-mods that went to a switch, from all of them. */
  sentTo(host: string): number {
    return [...this.#members.values()].reduce((sum, { proxy }) => sum + proxy.passed(this.addressOf(host)).flowMods, 0);
  }

  async flowCount(host: string): Promise<number> {
    return Number(/flow_count=(\d+)/.exec(await this.lab.ofctl(host, ['-O', 'OpenFlow15', 'dump-aggregate', 'br-int']))?.[1]);
  }

  async close(): Promise<void> {
    await this.lab.close();
    for (const { process, proxy } of this.#members.values()) {
      proxy.close();
      await process.end('SIGKILL');
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
