import { Relation } from './relation.ts';
import type { Attachment, InterfaceRow } from './facts.ts';

/** Who is where, by every side from which the graph asks. Domains are numbers in decimal, networks and policies as `scopedText` writes them. */
export class Indices {
  readonly interfaces = new Map<string, InterfaceRow>();
  readonly routersOfNetwork = new Relation();
  readonly networksOfDomain = new Relation();
  readonly portsOfTenant = new Relation();
  readonly portsOfNetwork = new Relation();
  readonly portsOfDomain = new Relation();
  readonly portsOfHost = new Relation();
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

  /** Puts an interface into its domain and on its hosts. Answers the pairs of hosts that begin to share a domain, each both ways. */
  link({ portId, tenant, domain: number, places }: Attachment): readonly (readonly [string, string])[] {
    const domain = String(number);
    this.portsOfDomain.add(domain, portId);
    this.tenantsOfDomain.add(domain, tenant);
    this.domainsOfTenant.add(tenant, domain);
    return places.flatMap(({ host }) => {
      this.portsOfHost.add(host, portId);
      return this.hostsOfDomain.add(domain, host) ? this.meet(domain, host, 'add') : [];
    });
  }

  /** The reverse. Answers the pairs that cease. */
  unlink({ portId, tenant, domain: number, places }: Attachment): readonly (readonly [string, string])[] {
    const domain = String(number);
    this.portsOfDomain.remove(domain, portId);
    this.tenantsOfDomain.remove(domain, tenant);
    this.domainsOfTenant.remove(tenant, domain);
    return places.flatMap(({ host }) => {
      this.portsOfHost.remove(host, portId);
      return this.hostsOfDomain.remove(domain, host) ? this.meet(domain, host, 'remove') : [];
    });
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
