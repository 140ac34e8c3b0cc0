import { Relation } from './relation.ts';
import type { Attachment, InterfaceRow } from './facts.ts';

/** What became of putting an interface in its place, or taking it away. */
export interface Relinked {
  /** Pairs of hosts that begin to share a domain, or cease to, each both ways. */
  readonly meetings: readonly (readonly [string, string])[];
  /** Where a network or an outlook came or went: these may subscribe to other sets. */
  readonly hosts: readonly string[];
}

/** Who is where, by every side from which the graph asks. Domains are numbers in decimal, networks and policies as `scopedText` writes them. */
export class Indices {
  readonly interfaces = new Map<string, InterfaceRow>();
  readonly routersOfNetwork = new Relation();
  readonly networksOfDomain = new Relation();
  readonly portsOfTenant = new Relation();
  readonly portsOfNetwork = new Relation();
  readonly portsOfDomain = new Relation();
  readonly portsOfHost = new Relation();
  /** What a host's subscriptions follow from: the networks of its interfaces, and `DOMAIN TENANT` for each tenant that has one in a domain there. */
  readonly networksOfHost = new Relation();
  readonly outlooksOfHost = new Relation();
  readonly tenantsOfDomain = new Relation();
  readonly domainsOfTenant = new Relation();
  readonly hostsOfDomain = new Relation();
  /** Hosts that share a domain, once for each such domain. */
  readonly hostsReached = new Relation();
  readonly lookersOfGroup = new Relation();
  readonly policiesOfGroup = new Relation();
  readonly policiesOfService = new Relation();
  readonly policiesOf = new Relation();
  readonly qosTenantsOfGroup = new Relation();
  /** Tenants whose rules see the port as a member of a numbered set. */
  readonly lookersOfPort = new Relation();

  addRows(rows: readonly InterfaceRow[]): void {
    for (const row of rows) {
      this.interfaces.set(row.portId, row);
      this.portsOfTenant.add(row.tenant, row.portId);
      this.portsOfNetwork.add(row.network, row.portId);
    }
  }

  removeRows(rows: readonly InterfaceRow[]): void {
    for (const row of rows) {
      this.interfaces.delete(row.portId);
      this.portsOfTenant.remove(row.tenant, row.portId);
      this.portsOfNetwork.remove(row.network, row.portId);
    }
  }

  /** Puts an interface into its domain and on its hosts. */
  link(item: Attachment): Relinked {
    return this.relink(item, 'add');
  }

  /** The reverse. */
  unlink(item: Attachment): Relinked {
    return this.relink(item, 'remove');
  }

  private relink({ portId, tenant, network, domain: number, places }: Attachment, change: 'add' | 'remove'): Relinked {
    const domain = String(number);
    this.portsOfDomain[change](domain, portId);
    this.tenantsOfDomain[change](domain, tenant);
    this.domainsOfTenant[change](tenant, domain);
    const hosts = places.filter(({ host }) => {
      this.portsOfHost[change](host, portId);
      const changesNetworks = this.networksOfHost[change](host, network);
      return this.outlooksOfHost[change](host, `${domain} ${tenant}`) || changesNetworks;
    });
    const meetings = places.flatMap(({ host }) => (this.hostsOfDomain[change](domain, host) ? this.meet(domain, host, change) : []));
    return { meetings, hosts: hosts.map(({ host }) => host) };
  }

  hostsOfNetwork(network: string): ReadonlySet<string> {
    const places = [...this.portsOfNetwork.of(network)].flatMap((port) => this.interfaces.get(port)?.places ?? []);
    return new Set(places.map((place) => place.host));
  }

  private meet(domain: string, host: string, change: 'add' | 'remove'): readonly (readonly [string, string])[] {
    const others = [...this.hostsOfDomain.of(domain)].filter((other) => other !== host);
    return others.flatMap((other): (readonly [string, string])[] => {
      this.hostsReached[change](host, other);
      this.hostsReached[change](other, host);
      return [
        [host, other],
        [other, host],
      ];
    });
  }
}
