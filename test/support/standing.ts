import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLab } from '../../src/lab/index.ts';
import type { Lab } from '../../src/lab/index.ts';
import { OpenFlowProxy } from './openflow-proxy.ts';
import { RunningWeir } from './running-weir.ts';
import { SharedClock } from './shared-clock.ts';
import { until } from './weir-client.ts';
import type { Answer } from './weir-client.ts';

/** What a refused `wait=realized` answers. */
export interface NotRealized {
  readonly code: string;
  readonly revision: number;
  readonly waiting: readonly { readonly host: string; readonly reason: string }[];
}

/**
 * A lab whose hypervisors have joined the program through a proxy. Host `hvN` has a tenant of its own, `tN`, with a network
 * `net` and a VM `vm` that runs there, so that what one tenant changes concerns one host.
 */
export class Standing {
  readonly lab: Lab;
  readonly weir: RunningWeir;
  readonly proxy: OpenFlowProxy;
  /** The program's. */
  readonly clock: SharedClock;
  readonly #directory: string;

  private constructor(lab: Lab, weir: RunningWeir, proxy: OpenFlowProxy, clock: SharedClock, directory: string) {
    this.lab = lab;
    this.weir = weir;
    this.proxy = proxy;
    this.clock = clock;
    this.#directory = directory;
  }

  static async start(hosts: number): Promise<Standing> {
    const directory = mkdtempSync(join(tmpdir(), 'weir-standing-'));
    const lab = await startLab({ hosts, directory, managers: [] });
    const clock = new SharedClock();
    const weir = await RunningWeir.start({ openflow: '127.0.0.1:0', advertise: lab.gatewayAddress }, { clock });
    const proxy = await OpenFlowProxy.listen(lab.gatewayAddress, weir.openflowPort);
    const standing = new Standing(lab, weir, proxy, clock, directory);
    const names = [...lab.hosts.keys()];
    await Promise.all([...lab.hosts.values()].map((host) => host.join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`])));
    await Promise.all(names.map((name) => until(async () => (await weir.host(name))?.connected)));
    await weir.must(
      'POST',
      '/v1/apply',
      names.flatMap((name) => documentsOf(tenantOf(name))),
    );
    for (const name of names) await weir.must('POST', `/v1/tenants/${tenantOf(name)}/vms/vm/start?timeoutMs=60000`, { host: name });
    return standing;
  }

  async stop(): Promise<void> {
    await this.lab.close();
    this.proxy.close();
    await this.weir.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Where the host's connections come from. */
  addressOf(host: string): string {
    const plan = this.lab.plan.hosts.find(({ name }) => name === host);
    if (!plan) throw new Error(`there is no ${host}`);
    return plan.managementAddress;
  }

  /** Writes the tenant's policy `web`, which lets a port in, and waits for the switches. */
  allow(host: string, port: number, timeoutMs = 60_000): Promise<Answer<NotRealized>> {
    const body = policyOf(tenantOf(host), port);
    return this.weir.call('PUT', `/v1/tenants/${tenantOf(host)}/policies/web?wait=realized&timeoutMs=${timeoutMs}`, body);
  }

  /** The lines of the host's flow table, without counters, ascending. */
  async flows(host: string): Promise<string[]> {
    const text = await this.lab.ofctl(host, ['-O', 'OpenFlow15', '--no-stats', 'dump-flows', 'br-int']);
    return text
      .split('\n')
      .filter((line) => line.includes('cookie=') || line.includes('actions=') || line.includes('table='))
      .toSorted();
  }

  /** Cuts the host's connection and returns how many flow-mods it took to have everything right again: 0 when it was right. */
  async resync(host: string): Promise<number> {
    const before = this.weir.events('resynced', host).length;
    this.proxy.cut(this.addressOf(host));
    const resynced = await until(() => this.weir.events('resynced', host)[before]);
    return Number(resynced['flowsSent']);
  }
}

const tenantOf = (host: string): string => host.replace('hv', 't');

function policyOf(tenant: string, port: number): object {
  return {
    kind: 'Policy',
    metadata: { name: 'web', tenant },
    spec: { tier: 'tenant', appliesTo: ['all'], ingress: [{ action: 'allow', services: [{ protocol: 'tcp', port }] }] },
  };
}

function documentsOf(tenant: string): object[] {
  return [
    { kind: 'Tenant', metadata: { name: tenant }, spec: { posture: 'zero-trust' } },
    { kind: 'Network', metadata: { name: 'net', tenant }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
    { kind: 'Group', metadata: { name: 'all', tenant }, spec: { selector: {} } },
    policyOf(tenant, 80),
    { kind: 'Vm', metadata: { name: 'vm', tenant }, spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] } },
  ];
}
