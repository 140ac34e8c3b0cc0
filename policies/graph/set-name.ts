/** The sets of elements that hosts subscribe to. A domain is a number in decimal, a network `TENANT/NAME`. */
export type SetName =
  /** Interfaces on the host and the ways to them. */
  | { readonly kind: 'local'; readonly host: string }
  /** Hosts with which the host shares a domain. */
  | { readonly kind: 'tunnels'; readonly host: string }
  /** A tenant and the rules that bind it. */
  | { readonly kind: 'tenant'; readonly tenant: string }
  /** The rules that bind a tenant whose groups are told apart by sets, as one host needs them: `tenant` then has none. */
  | { readonly kind: 'rules'; readonly tenant: string; readonly host: string }
  /** The networks of a domain. */
  | { readonly kind: 'networks'; readonly domain: string }
  /** Who the addresses of a domain are to a tenant. */
  | { readonly kind: 'identities'; readonly domain: string; readonly tenant: string }
  /** The ways to the interfaces of a network, from afar. */
  | { readonly kind: 'neighbours'; readonly network: string; readonly answered: boolean }
  /** Where multicast of a network goes from one host; for networks that replicate it. */
  | { readonly kind: 'flood'; readonly network: string; readonly host: string };

export function setKey(name: SetName): string {
  switch (name.kind) {
    case 'local':
    case 'tunnels':
      return `${name.kind} ${name.host}`;
    case 'tenant':
      return `${name.kind} ${name.tenant}`;
    case 'rules':
      return `${name.kind} ${name.tenant} ${name.host}`;
    case 'networks':
      return `${name.kind} ${name.domain}`;
    case 'identities':
      return `${name.kind} ${name.domain} ${name.tenant}`;
    case 'neighbours':
      return `${name.kind} ${name.network} ${name.answered}`;
    case 'flood':
      return `${name.kind} ${name.network} ${name.host}`;
  }
}
