import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { captureFrames, startLab } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { expectSuccess } from '../../src/lab/command.ts';
import type { RawDocument } from './policy-oracle.ts';
import { RunningWeir } from './running-weir.ts';
import { settled } from './settled.ts';
import { until } from './weir-client.ts';

interface VmSpec {
  readonly spec: { readonly interfaces: readonly { readonly mac: string; readonly addresses: readonly string[] }[] };
}

/** The whole program with two hypervisors that have joined it, and words for tests of what policies do to packets. */
export class PolicyLab {
  readonly lab: Lab;
  readonly weir: RunningWeir;
  readonly #directory: string;

  private constructor(lab: Lab, weir: RunningWeir, directory: string) {
    this.lab = lab;
    this.weir = weir;
    this.#directory = directory;
  }

  static async start(): Promise<PolicyLab> {
    const directory = mkdtempSync(join(tmpdir(), 'weir-policy-'));
    const lab = await startLab({ hosts: 2, directory, managers: [] });
    const weir = await RunningWeir.start({ openflow: `${lab.gatewayAddress}:0`, ovsdb: `${lab.gatewayAddress}:0` });
    await Promise.all([...lab.hosts.values()].map((host) => host.join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`])));
    const policyLab = new PolicyLab(lab, weir, directory);
    await policyLab.connected();
    return policyLab;
  }

  async stop(): Promise<void> {
    await this.lab.close();
    await this.weir.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Returns when the controller has both hypervisors. */
  async connected(): Promise<void> {
    await until(() => this.weir.serves([...this.lab.hosts.keys()]));
  }

  /** Returns when both datapaths do what their flows say now. */
  async settle(): Promise<void> {
    await Promise.all([...this.lab.hosts.keys()].map((host) => settled(this.lab, host)));
  }

  /** One transaction; returns when every switch concerned has committed it. */
  async apply(...documents: readonly RawDocument[]): Promise<void> {
    await this.weir.must('POST', '/v1/apply?wait=realized&timeoutMs=60000', documents);
  }

  async start(tenant: string, vm: string, host: string): Promise<void> {
    await this.weir.must('POST', `/v1/tenants/${tenant}/vms/${vm}/start?timeoutMs=60000`, { host });
  }

  async run(tenant: string, vm: string, host: string): Promise<Guest> {
    await this.start(tenant, vm, host);
    return this.weir.plug(this.lab, tenant, vm);
  }

  async #interface(tenant: string, vm: string): Promise<VmSpec['spec']['interfaces'][number]> {
    const [item] = (await this.weir.must<VmSpec>('GET', `/v1/tenants/${tenant}/vms/${vm}`)).spec.interfaces;
    if (!item) throw new Error(`${vm} has no interface`);
    return item;
  }

  async address(tenant: string, vm: string, family: 4 | 6 = 4): Promise<string> {
    const found = (await this.#interface(tenant, vm)).addresses.find((address) => address.includes(':') === (family === 6));
    if (found === undefined) throw new Error(`${vm} has no address of IPv${family}`);
    return found;
  }

  /** The guest knows the MAC of another for good, so that its packets go out whether or not anybody answers. */
  async acquaint(guest: Guest, tenant: string, vm: string): Promise<void> {
    const { mac, addresses } = await this.#interface(tenant, vm);
    for (const address of addresses)
      await expectSuccess(['ip', '-n', guest.netns, 'neigh', 'replace', address, 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent']);
  }

  /** Counts frames with the mark that reach a guest until it is asked. */
  async watch(guest: Guest, mark: string): Promise<() => Promise<number>> {
    const capture = await captureFrames(this.lab, guest);
    return async () => (await capture.stop()).filter((frame) => frame.includes(mark)).length;
  }
}
