import { parseAddress, parseMac } from '../../src/base/addresses.ts';
import type { Address, Mac } from '../../src/base/addresses.ts';
import { judge } from '../../policies/index.ts';
import type { Documents, End, Packet } from '../../policies/index.ts';
import { portIdOf } from '../../policies/model/port-id.ts';

/** An interface of a running VM. */
export interface Member {
  readonly owner: NonNullable<End['owner']>;
  readonly portId: string;
  readonly host: string;
  readonly network: Wire;
  readonly mac: Mac;
  readonly addresses: readonly Address[];
}

/** A network. Those of one `domain` are joined by a router. */
export interface Wire {
  readonly vni: number;
  readonly domain: string;
  readonly gateways: readonly Address[];
  readonly isolated: boolean;
  readonly broadcast: boolean;
}

/** A frame as the network sees it. A reply belongs to the connection that its receiver opened with `packet`. */
export interface Frame {
  readonly ethDst: Mac;
  readonly source: Address;
  readonly destination: Address;
  readonly direction: 'original' | 'reply';
  readonly packet: Packet;
}

/** Where a frame goes from a host: into guests there, and to tunnel addresses as `ADDRESS VNI`. */
export interface Arrival {
  readonly guests: readonly Member[];
  readonly tunnels: readonly string[];
}

const nowhere: Arrival = { guests: [], tunnels: [] };
const isMulticast = (mac: Mac): boolean => Math.floor(mac / 2 ** 40) % 2 === 1;
export const same = (a: Address, b: Address): boolean => a.family === b.family && a.value === b.value;
/** Routers' MACs, as users are told: 0e:57:00 and the VNI. */
export const routerMac = (vni: number): Mac => 0x0e5700_000000 + vni;

/**
 * What documents say about who reaches whom, read without the compiler: for every frame where it may go, by
 * `api.md`: networks and routers give reachability, policies permission.
 */
export class Fabric {
  readonly members: readonly Member[];
  readonly networks: readonly Wire[];
  readonly #documents: Documents;
  readonly #encaps = new Map<string, string>();

  constructor(documents: Documents) {
    this.#documents = documents;
    const domains = new Map<string, string>();
    for (const { document } of documents.list('Router')) {
      const router = `router ${document.metadata.tenant}/${document.metadata.name}`;
      for (const { tenant, network } of document.spec.networks) domains.set(`${tenant}/${network}`, router);
    }
    const networks = new Map<string, Wire>();
    for (const { document } of documents.list('Network')) {
      const key = `${document.metadata.tenant}/${document.metadata.name}`;
      const { vni, subnets, isolation, broadcast } = document.spec;
      const gateways = subnets.map((subnet) => parseAddress(subnet.gateway));
      networks.set(key, { vni, domain: domains.get(key) ?? key, gateways, isolated: isolation === 'private', broadcast });
    }
    for (const { document } of documents.list('Host')) {
      if (document.spec.encapIp !== undefined) this.#encaps.set(document.metadata.name, document.spec.encapIp);
    }
    this.networks = [...networks.values()];
    this.members = [...documents.list('Vm')].flatMap(({ document: vm }) => {
      const { power, host, interfaces } = vm.spec;
      if (power !== 'running' || host === undefined) return [];
      const tenant = vm.metadata.tenant ?? '';
      return interfaces.flatMap((item): Member[] => {
        const network = networks.get(item.network.includes('/') ? item.network : `${tenant}/${item.network}`);
        if (!network) return [];
        const owner = { tenant, vm: vm.metadata.name, interface: item.name };
        const addresses = item.addresses.map(parseAddress);
        return [{ owner, portId: portIdOf(vm, item.name), host, network, mac: parseMac(item.mac), addresses }];
      });
    });
  }

  encapOf(host: string): string | undefined {
    return this.#encaps.get(host);
  }

  holder(domain: string, address: Address): Member | undefined {
    return this.members.find((member) => member.network.domain === domain && member.addresses.some((own) => same(own, address)));
  }

  /** A frame that a guest sends, from its own MAC. */
  leaving(from: Member, frame: Frame): Arrival {
    if (!from.addresses.some((own) => same(own, frame.source))) return nowhere;
    if (isMulticast(frame.ethDst)) return this.#flooded(from, frame);
    if (this.#isGatewayEcho(from, frame)) return { guests: [from], tunnels: [] };
    const to = this.#receiver(from, frame);
    if (to === undefined || to.portId === from.portId) return nowhere;
    const opener = frame.direction === 'original';
    const verdict = opener ? this.#judge(from, to, frame) : this.#judge(to, from, frame);
    if ((opener ? verdict.egress : verdict.ingress)?.verdict !== 'allow') return nowhere;
    if (to.host === from.host)
      return (opener ? verdict.ingress : verdict.egress)?.verdict === 'allow' ? { guests: [to], tunnels: [] } : nowhere;
    const encap = this.encapOf(to.host);
    return encap === undefined ? nowhere : { guests: [], tunnels: [`${encap} ${to.network.vni}`] };
  }

  /** A frame that comes out of a tunnel at a host, from a host that is known there. */
  entering(host: string, vni: number, frame: Frame): Arrival {
    const network = this.networks.find((candidate) => candidate.vni === vni);
    const from = network && this.holder(network.domain, frame.source);
    if (network === undefined || from === undefined) return nowhere;
    const here = this.members.filter((member) => member.network.vni === vni && member.host === host);
    const addressed = (member: Member): boolean =>
      member.mac === frame.ethDst && member.addresses.some((own) => same(own, frame.destination));
    const multicast = isMulticast(frame.ethDst);
    const guests = here.filter((member) => (multicast ? floods(network) : addressed(member)) && this.#admits(member, from, frame));
    return { guests, tunnels: [] };
  }

  #receiver(from: Member, { ethDst, destination }: Frame): Member | undefined {
    const { network } = from;
    const owner = this.holder(network.domain, destination);
    if (owner === undefined || (owner.network.vni === network.vni && network.isolated)) return undefined;
    if (ethDst === routerMac(network.vni)) return owner;
    return owner.network.vni === network.vni && owner.mac === ethDst ? owner : undefined;
  }

  /** Gateways answer those for whom they route; policies are about interfaces. */
  #isGatewayEcho({ network }: Member, { ethDst, destination, direction, packet }: Frame): boolean {
    const request = 'type' in packet && direction === 'original' && (packet.type === 8 || packet.type === 128);
    const routers = this.networks.filter(({ domain }) => domain === network.domain);
    const routed = Math.floor(ethDst / 2 ** 24) === 0x0e5700;
    return request && routed && routers.some(({ gateways }) => gateways.some((gateway) => same(gateway, destination)));
  }

  #flooded(from: Member, frame: Frame): Arrival {
    const { network } = from;
    if (!floods(network) || this.#multicastEgress(from, frame) !== 'allow') return nowhere;
    const others = this.members.filter((member) => member.network.vni === network.vni && member.portId !== from.portId);
    const encaps = new Set(others.filter(({ host }) => host !== from.host).flatMap(({ host }) => this.encapOf(host) ?? []));
    return {
      guests: others.filter((member) => member.host === from.host && this.#admits(member, from, frame)),
      tunnels: [...encaps].map((encap) => `${encap} ${network.vni}`).toSorted(),
    };
  }

  #multicastEgress(from: Member, { source, destination, packet }: Frame): string | undefined {
    const question = { from: { address: source, owner: from.owner }, to: { address: destination, owner: undefined }, packet };
    return judge(this.#documents, question).egress?.verdict;
  }

  /** What an interface's own rules say of a connection that it opens (egress) or that is opened to it (ingress). */
  sideOf(local: Member, peer: Address, packet: Packet, direction: 'egress' | 'ingress'): string | undefined {
    const address = local.addresses.find(({ family }) => family === peer.family);
    if (!address) return undefined;
    const here = { address, owner: local.owner };
    const there = { address: peer, owner: this.holder(local.network.domain, peer)?.owner };
    const question = direction === 'egress' ? { from: here, to: there, packet } : { from: there, to: here, packet };
    return judge(this.#documents, question)[direction]?.verdict;
  }

  /** The verdict of the receiver's side alone. */
  #admits(to: Member, from: Member, frame: Frame): boolean {
    const side = frame.direction === 'original' ? this.#judge(from, to, frame).ingress : this.#judge(to, from, frame).egress;
    return side?.verdict === 'allow';
  }

  #judge(opener: Member, opened: Member, { direction, source, destination, packet }: Frame): ReturnType<typeof judge> {
    const [from, to] = direction === 'original' ? [source, destination] : [destination, source];
    return judge(this.#documents, {
      from: { address: from, owner: opener.owner },
      to: { address: to, owner: opened.owner },
      packet,
    });
  }
}

/** Members of a private network reach only the gateway, by multicast too. */
const floods = (network: Wire): boolean => network.broadcast && !network.isolated;
