import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonical, flowKey, flowsEqual } from '../../flows/model/index.ts';
import type { Flow } from '../../flows/model/index.ts';
import { renderMeters } from '../../flows/render/index.ts';
import type { Element } from '../../policies/compiled.ts';
import { startLab } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { Fabric } from './fabric.ts';
import type { Member } from './fabric.ts';
import { formatAddress, formatMac } from '../../src/base/addresses.ts';
import { Management } from './management.ts';
import { SmallCloud } from './small-cloud.ts';
import { settled, settleSoon } from './settled.ts';
import { renderHost, tunnelPort } from './render-host.ts';

/** What the underlay's 1,500 bytes leave inside of a tunnel. */
const guestMtu = { 4: 1450, 6: 1430 } as const;

/**
 * Two hypervisors of a lab with the small cloud's flows, and some of its VMs as guests. No controller runs: `sync` compiles, renders
 * and installs the difference.
 */
export class FlowLab {
  readonly lab: Lab;
  readonly cloud: SmallCloud;
  readonly #directory: string;
  readonly #guests = new Map<string, Guest>();
  readonly #ports = new Map<string, number>();
  readonly #installed = new Map<string, ReadonlyMap<string, Flow>>();
  readonly #meters = new Map<string, string>();

  private constructor(lab: Lab, directory: string) {
    this.lab = lab;
    this.#directory = directory;
    this.cloud = new SmallCloud([...lab.hosts.values()]);
  }

  static async start(guests: readonly string[], encapFamily: 4 | 6 = 4): Promise<FlowLab> {
    const directory = mkdtempSync(join(tmpdir(), 'weir-pipeline-'));
    const lab = await startLab({ hosts: 2, directory, managers: [], encapFamily });
    const flowLab = new FlowLab(lab, directory);
    try {
      await settleSoon(lab);
      for (const host of lab.hosts.values()) await host.vsctl(bridgeCommand.split(' '));
      for (const guest of guests) await flowLab.#plug(guest, guestMtu[encapFamily]);
      await flowLab.sync();
      return flowLab;
    } catch (error) {
      await flowLab.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.lab.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  guest(name: string): Guest {
    const guest = this.#guests.get(name);
    if (!guest) throw new Error(`${name} is not plugged`);
    return guest;
  }

  member(name: string): Member {
    const member = new Fabric(this.cloud.documents).members.find(({ owner }) => `${owner.tenant}/${owner.vm}` === name);
    if (!member) throw new Error(`there is no ${name}`);
    return member;
  }

  address(name: string, family: 4 | 6 = 4): string {
    const address = this.member(name).addresses.find((candidate) => candidate.family === family);
    if (!address) throw new Error(`${name} has no address of IPv${family}`);
    return formatAddress(address);
  }

  mac(name: string): string {
    return formatMac(this.member(name).mac);
  }

  port(name: string): number {
    const port = this.#ports.get(this.member(name).portId);
    if (port === undefined) throw new Error(`${name} has no port`);
    return port;
  }

  /** Installs what the cloud has come to: what is new first, then what is altered, then away with the rest. */
  async sync(): Promise<void> {
    await Promise.all([...this.lab.hosts.keys()].map((host) => this.#install(host, this.cloud.elements(host))));
  }

  /** Returns when the datapath does what the flows say, and the flows' counters know what it did. */
  async settle(host: string): Promise<void> {
    await settled(this.lab, host);
  }

  /** Sends a frame as if it came from the guest. */
  async inject(name: string, frame: Uint8Array): Promise<void> {
    const packet = Buffer.from(frame).toString('hex');
    const out = `in_port=${this.port(name)},packet=${packet},actions=resubmit(,0)`;
    await this.lab.ofctl(this.guest(name).host, ['packet-out', 'br-int', out]);
  }

  async #install(host: string, elements: readonly Element[]): Promise<void> {
    const wanted = new Map(renderHost(elements, (portId) => this.#ports.get(portId)).map((flow) => [flowKey(flow), flow]));
    const before = this.#installed.get(host) ?? new Map<string, Flow>();
    const management = await Management.open(join(this.lab.host(host).directory, 'br-int.mgmt'), 6);
    try {
      await this.#installMeters(management, host, elements);
      const changed = [...wanted].filter(([key, flow]) => !alike(before.get(key), flow)).map(([, flow]) => flow);
      const gone = [...before].filter(([key]) => !wanted.has(key)).map(([, flow]) => flow);
      const refused = [...(await management.send('OFPFC_ADD', changed)), ...(await management.send('OFPFC_DELETE_STRICT', gone))];
      if (refused[0]) throw new Error(`${host} refuses a flow: ${refused[0].reason}`);
      if (changed.length + gone.length > 0) await this.settle(host);
    } finally {
      management.close();
    }
    this.#installed.set(host, wanted);
  }

  async #installMeters(management: Management, host: string, elements: readonly Element[]): Promise<void> {
    for (const meter of elements.flatMap(renderMeters)) {
      const key = `${host} ${meter.meterId}`;
      const content = canonical(meter);
      if (this.#meters.get(key) === content) continue;
      await management.putMeter(meter, this.#meters.has(key) ? 'OFPMC_MODIFY' : 'OFPMC_ADD');
      this.#meters.set(key, content);
    }
  }

  async #plug(name: string, mtu: number): Promise<void> {
    const { owner, portId, host, mac, addresses, network } = this.member(name);
    const main = {
      name: owner.interface,
      portId,
      mac: formatMac(mac),
      addresses: addresses.map((address) => ({ address: formatAddress(address), prefixLength: address.family === 4 ? 24 : 64 })),
      mtu,
      gateways: network.gateways.map(formatAddress),
    };
    const guest = await this.lab.plugGuest({ tenant: owner.tenant, vm: owner.vm, host, interfaces: [main] });
    this.#guests.set(name, guest);
    this.#ports.set(portId, guest.interfaces[0]?.ofport ?? 0);
  }
}

const bridgeCommand = [
  'add-br br-int -- set bridge br-int datapath_type=netdev fail_mode=secure protocols=OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15',
  `add-port br-int vx0 -- set interface vx0 type=vxlan options:remote_ip=flow options:key=flow ofport_request=${tunnelPort}`,
].join(' -- ');

const alike = (a: Flow | undefined, b: Flow): boolean => a !== undefined && flowsEqual(a, b);
