import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchAttachment, startLab } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { RunningWeir } from './running-weir.ts';
import { settled, settleSoon } from './settled.ts';
import { until } from './weir-client.ts';

interface Placed {
  readonly tenant: string;
  readonly vm: string;
  readonly host: 'hv1' | 'hv2';
  readonly network: 'near' | 'far';
}

const acme: readonly Placed[] = [
  { tenant: 'acme', vm: 'asker', host: 'hv1', network: 'near' },
  { tenant: 'acme', vm: 'beside', host: 'hv1', network: 'near' },
  { tenant: 'acme', vm: 'away', host: 'hv2', network: 'near' },
  { tenant: 'acme', vm: 'routed', host: 'hv2', network: 'far' },
  { tenant: 'acme', vm: 'routed-beside', host: 'hv1', network: 'far' },
];
const globex: readonly Placed[] = [
  { tenant: 'globex', vm: 'asker', host: 'hv1', network: 'near' },
  { tenant: 'globex', vm: 'beside', host: 'hv1', network: 'near' },
];

/** The whole program with two real hypervisors and guests of two tenants with the same addresses, whose networks are joined by routers. */
export class RejectLab {
  readonly lab: Lab;
  readonly weir: RunningWeir;
  readonly #directory: string;

  private constructor(lab: Lab, weir: RunningWeir, directory: string) {
    this.lab = lab;
    this.weir = weir;
    this.#directory = directory;
  }

  static async start(): Promise<RejectLab> {
    const directory = mkdtempSync(join(tmpdir(), 'weir-reject-'));
    const lab = await startLab({ hosts: 2, directory, managers: [] });
    const file = join(directory, 'weir.yaml');
    writeFileSync(file, 'log: { policyFile: policies.log }\ninsecureSwitches: true\n');
    const weir = await RunningWeir.start({ openflow: `${lab.gatewayAddress}:0`, ovsdb: `${lab.gatewayAddress}:0` }, { file });
    const started = new RejectLab(lab, weir, directory);
    try {
      await settleSoon(lab);
      await Promise.all([...lab.hosts.values()].map((host) => host.join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`])));
      await started.connected();
      await weir.must('POST', '/v1/apply?wait=realized&timeoutMs=60000', [...documentsOf('acme', acme), ...documentsOf('globex', globex)]);
      for (const placed of [...acme, ...globex]) await started.#plug(placed);
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  async #plug({ tenant, vm, host }: Placed): Promise<void> {
    await this.weir.must('POST', `/v1/tenants/${tenant}/vms/${vm}/start?timeoutMs=60000`, { host });
    await this.lab.plugGuest(await fetchAttachment({ server: this.weir.url, tenant, vm }));
    await until(async () => {
      const stored = await this.weir.must('GET', `/v1/tenants/${tenant}/vms/${vm}`);
      return JSON.stringify(stored).includes('"active"');
    });
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

  /** Where records of policies go. */
  get policyFile(): string {
    return join(this.#directory, 'policies.log');
  }

  guest(vm: string, tenant = 'acme'): Guest {
    return this.lab.guest(tenant, vm);
  }

  address(vm: string, family: 4 | 6 = 4, tenant = 'acme'): string {
    const addresses = this.guest(vm, tenant).interfaces.flatMap((item) => item.addresses.map(({ address }) => address));
    const found = addresses.find((address) => address.includes(':') === (family === 6));
    if (found === undefined) throw new Error(`${vm} has no address of IPv${family}`);
    return found;
  }

  /** Writes a policy for all interfaces of a tenant and waits for the switches and their datapaths. */
  async policy(name: string, spec: object, tenant = 'acme'): Promise<void> {
    const body = { kind: 'Policy', metadata: { name, tenant }, spec: { tier: 'tenant', ...spec } };
    await this.weir.must('PUT', `/v1/tenants/${tenant}/policies/${name}?wait=realized&timeoutMs=60000`, body);
    await this.#settle();
  }

  async lift(name: string, tenant = 'acme'): Promise<void> {
    await this.weir.must('DELETE', `/v1/tenants/${tenant}/policies/${name}?wait=realized&timeoutMs=60000`);
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await Promise.all([...this.lab.hosts.keys()].map((host) => settled(this.lab, host)));
  }
}

function documentsOf(tenant: string, vms: readonly Placed[]): object[] {
  const network = (name: string, block: number): object => ({
    kind: 'Network',
    metadata: { name, tenant },
    spec: { subnets: [{ cidr: `10.0.${block}.0/24` }, { cidr: `fd00:0:0:${block}::/64` }] },
  });
  return [
    { kind: 'Tenant', metadata: { name: tenant }, spec: { posture: 'open' } },
    network('near', 1),
    network('far', 2),
    { kind: 'Router', metadata: { name: 'main', tenant }, spec: { networks: ['near', 'far'] } },
    ...vms.map(({ vm, network: attached }) => ({
      kind: 'Vm',
      metadata: { name: vm, tenant },
      spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: attached }] },
    })),
  ];
}
