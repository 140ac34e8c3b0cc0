import { parsePrefix } from '../../src/base/addresses.ts';
import type { GroupSpec, Peer, PolicySpec, QosPolicySpec, Rule, Selector } from '../model/kinds.ts';
import { claimsOf, interfacesOf, levels } from './claims.ts';
import type { Claim } from './claims.ts';
import type { End, Meaning, Party, Scope, Service, Shaping } from './meaning.ts';

/** A document that an intent owns. */
export type OwnedDocument =
  | { readonly kind: 'Group'; readonly name: string; readonly spec: GroupSpec }
  | { readonly kind: 'Policy'; readonly name: string; readonly spec: PolicySpec }
  | { readonly kind: 'QosPolicy'; readonly name: string; readonly spec: QosPolicySpec };

/** Names of owned documents go on behind this. */
const ownedPrefix = (intent: string): string => `intent-${intent}`;

/** The documents that make an intent come true: groups for what has no group of its own, then policies, or one QoS policy. */
export function compileMeaning(meaning: Meaning, intent: string, order: number): readonly OwnedDocument[] {
  const compiler = new Compiler(intent, meaning.scope);
  if ('mbps' in meaning) compiler.addShaping(meaning);
  else for (const claim of claimsOf(meaning)) compiler.addClaim(claim, order, meaning.log);
  return compiler.documents();
}

interface Draft {
  readonly claim: Claim;
  readonly order: number;
  readonly appliesTo: readonly string[] | undefined;
  readonly ingress: Rule[];
  readonly egress: Rule[];
}

class Compiler {
  readonly #intent: string;
  readonly #scope: Scope | undefined;
  readonly #groups = new Map<string, Extract<OwnedDocument, { kind: 'Group' }>>();
  readonly #groupNames = new Set<string>();
  readonly #policies = new Map<string, Draft>();
  #shaping: QosPolicySpec | undefined;

  constructor(intent: string, scope: Scope | undefined) {
    this.#intent = intent;
    this.#scope = scope;
  }

  /** A connection passes when both of its ends let it: each end that is interfaces carries the claim out. */
  addClaim(claim: Claim, order: number, log: boolean): void {
    const services = claim.services.length === 0 ? {} : { services: claim.services.map(serviceOf) };
    const rule = (other: Party): Rule => {
      const peers = this.#peers(other);
      return { action: claim.action, ...(peers === undefined ? {} : { peers }), ...services, log };
    };
    for (const [side, local, other] of [
      ['egress', claim.from, claim.to],
      ['ingress', claim.to, claim.from],
    ] as const) {
      const ends = interfacesOf(local);
      if (ends === undefined || ends.length > 0) this.#policy(claim, order, ends)[side].push(rule(other));
    }
  }

  addShaping({ kind, subject, mbps, direction, schedule }: Shaping): void {
    const appliesTo = this.#appliesTo(interfacesOf(subject));
    const bandwidth = kind === 'limit' ? { maxMbps: mbps } : { guaranteedMbps: mbps };
    this.#shaping = {
      ...(appliesTo === undefined ? {} : { appliesTo }),
      ...(direction === 'ingress' ? {} : { egress: bandwidth }),
      ...(direction === 'egress' ? {} : { ingress: bandwidth }),
      ...(schedule === undefined ? {} : { schedule }),
    };
  }

  documents(): readonly OwnedDocument[] {
    const taken = new Map<string, number>();
    const policies = [...this.#policies.values()].map(({ claim, order, appliesTo, ingress, egress }): OwnedDocument => {
      const count = (taken.get(claim.level) ?? 0) + 1;
      taken.set(claim.level, count);
      const name = `${ownedPrefix(this.#intent)}-${claim.level}${count === 1 ? '' : `-${count}`}`;
      const tier = this.#scope?.tier ?? 'tenant';
      return { kind: 'Policy', name, spec: { tier, order, ...(appliesTo === undefined ? {} : { appliesTo }), ingress, egress } };
    });
    const shaping: readonly OwnedDocument[] =
      this.#shaping === undefined ? [] : [{ kind: 'QosPolicy', name: `${ownedPrefix(this.#intent)}-bandwidth`, spec: this.#shaping }];
    return [...this.#groups.values(), ...policies, ...shaping];
  }

  #policy(claim: Claim, order: number, local: Party | undefined): Draft {
    const appliesTo = this.#appliesTo(local);
    const key = `${claim.level} ${appliesTo?.join(' ') ?? ''}`;
    const draft = this.#policies.get(key) ?? { claim, order: order + levels.indexOf(claim.level), appliesTo, ingress: [], egress: [] };
    this.#policies.set(key, draft);
    return draft;
  }

  #appliesTo(local: Party | undefined): readonly string[] | undefined {
    const ends = local ?? (this.#scope === undefined || this.#scope.tenants === 'all' ? undefined : [{ kind: 'own' } as const]);
    return ends?.map((end) => this.#groupOf(end)).toSorted();
  }

  #peers(party: Party): readonly Peer[] | undefined {
    if (party.length === 0) return undefined;
    return party.flatMap((end): readonly Peer[] => {
      if (end.kind === 'internet') return internet;
      return [end.kind === 'block' ? { kind: 'cidr', cidr: end.cidr, except: [] } : { kind: 'group', group: this.#groupOf(end) }];
    });
  }

  /** The name of the group that an end is: one that is there, or one made for it. */
  #groupOf(end: End): string {
    if (end.kind === 'group') return end.name;
    const key = JSON.stringify(end);
    const known = this.#groups.get(key);
    if (known !== undefined) return known.name;
    const name = this.#freeName(slugOf(end));
    const tenants = end.kind === 'tenant' ? { tenants: [end.name] } : this.#scope === undefined ? {} : { tenants: this.#scope.tenants };
    this.#groups.set(key, { kind: 'Group', name, spec: { members: { kind: 'selector', selector: selectorOf(end) }, ...tenants } });
    return name;
  }

  #freeName(slug: string): string {
    let name = `${ownedPrefix(this.#intent)}-${slug}`;
    for (let count = 2; this.#groupNames.has(name); count++) name = `${ownedPrefix(this.#intent)}-${slug}-${count}`;
    this.#groupNames.add(name);
    return name;
  }
}

const serviceOf = (service: Service) => (service.kind === 'named' ? service.name : service.port);

const slugMax = 11;

function slugOf(end: End): string {
  const text = 'value' in end ? end.value : 'name' in end ? end.name : 'all';
  const slug = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, slugMax);
  return slug.replaceAll(/^-+|-+$/g, '') || 'empty';
}

function selectorOf(end: End): Selector {
  const labels: Readonly<Record<string, string>> =
    end.kind === 'label'
      ? { [end.key]: end.value }
      : end.kind === 'network' || end.kind === 'vm'
        ? { [`weir.io/${end.kind}`]: end.name }
        : {};
  return { matchLabels: labels, matchExpressions: [] };
}

/** Global unicast addresses, less those that networks use among themselves (RFC 1918, RFC 6598, RFC 3927). */
const internet = [
  { kind: 'cidr', cidr: '0.0.0.0/0', except: ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'] },
  { kind: 'cidr', cidr: '2000::/3', except: [] },
] as const satisfies readonly Peer[];

export const internetBlocks = {
  in: internet.map(({ cidr }) => parsePrefix(cidr)),
  except: internet.flatMap(({ except }) => except).map((cidr) => parsePrefix(cidr)),
};
