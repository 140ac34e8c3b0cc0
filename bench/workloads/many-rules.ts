import type { Document, Peer, Port, Rule } from '../../policies/model/kinds.ts';
import { MemoryDocuments } from './documents.ts';
import { Random } from './random.ts';

type Policy = Extract<Document, { kind: 'Policy' }>;

const createdAt = '2026-01-01T00:00:00Z';
export const manyRulesTenant = 'acme';
const rulesAPolicy = 10;
const applications = 150;
const environments = ['production', 'staging', 'test'] as const;
const zones = ['dmz', 'inner', 'office'] as const;

/**
 * One tenant with many rules between many groups: 150 applications, each with a group for all of it and one for each of three environments, groups for
 * environments and zones, and blocks. Most rules are between two groups on a port or two; some are wide, as rules are that
 * isolate environments or guard the edge.
 */
export class ManyRules {
  readonly documents = new MemoryDocuments();
  readonly policies: readonly string[];
  private readonly random: Random;

  constructor(seed: number, rules: number) {
    this.random = new Random(seed);
    this.documents.put({
      kind: 'Tenant',
      metadata: { name: manyRulesTenant, labels: {}, uid: manyRulesTenant, createdAt },
      spec: { posture: 'zero-trust', quotas: {} },
    });
    for (let app = 0; app < applications; app++) {
      this.putGroup(`app-${app}`, { app: `a${app}` });
      for (const env of environments) this.putGroup(`app-${app}-${env}`, { app: `a${app}`, env });
    }
    for (const env of environments) this.putGroup(env, { env });
    for (const zone of zones) this.putGroup(zone, { zone });
    this.policies = Array.from({ length: Math.ceil(rules / rulesAPolicy) }, (_, index) => `policy-${index}`);
    for (const name of this.policies) this.documents.put(this.policy(name));
  }

  /** Another policy of that name. */
  policy(name: string): Policy {
    const isWide = this.random.chance(0.01);
    const rules = (count: number): readonly Rule[] => Array.from({ length: count }, () => this.rule(isWide));
    const ingress = this.random.integer(4, 6);
    return {
      kind: 'Policy',
      metadata: { name, tenant: manyRulesTenant, labels: {}, uid: name, createdAt },
      spec: {
        tier: 'tenant',
        order: this.random.integer(100, 5000),
        appliesTo: [isWide ? this.random.pick(environments) : this.appGroup()],
        ingress: rules(ingress),
        egress: rules(rulesAPolicy - ingress),
      },
    };
  }

  private putGroup(name: string, matchLabels: Record<string, string>): void {
    const selector = { matchLabels, matchExpressions: [] };
    this.documents.put({
      kind: 'Group',
      metadata: { name, tenant: manyRulesTenant, labels: {}, uid: name, createdAt },
      spec: { members: { kind: 'selector', selector } },
    });
  }

  private appGroup(): string {
    const app = `app-${this.random.integer(0, applications - 1)}`;
    return this.random.chance(0.6) ? `${app}-${this.random.pick(environments)}` : app;
  }

  private rule(isWide: boolean): Rule {
    const action = this.random.chance(0.9) ? 'allow' : 'deny';
    if (isWide) return { action: 'deny', peers: [{ kind: 'group', group: this.random.pick(environments) }], log: false };
    return {
      action,
      peers: Array.from({ length: this.random.integer(1, 2) }, () => this.peer()),
      services: Array.from({ length: this.random.integer(1, 2) }, () => this.port()),
      log: false,
    };
  }

  private peer(): Peer {
    if (this.random.chance(0.1)) return { kind: 'group', group: this.random.pick([...environments, ...zones]) };
    if (this.random.chance(0.8)) return { kind: 'group', group: this.appGroup() };
    const length = this.random.pick([16, 24, 28]);
    const octet = (bits: number): number => (this.random.integer(0, 255) >> bits) << bits;
    return { kind: 'cidr', cidr: `10.${octet(0)}.${length > 16 ? octet(0) : 0}.${length > 24 ? octet(4) : 0}/${length}`, except: [] };
  }

  private port(): Port {
    const protocol = this.random.chance(0.85) ? 'tcp' : 'udp';
    const roll = this.random.next();
    if (roll < 0.7)
      return { protocol, port: this.random.pick([22, 53, 80, 123, 389, 443, 636, 1433, 3306, 5432, 6379, 8080, 8443, 9092, 9200, 27017]) };
    if (roll < 0.9) return { protocol, port: this.random.integer(1024, 49_151) };
    const first = this.random.integer(1024, 49_151);
    return { protocol, port: first, endPort: first + this.random.pick([10, 100, 1000]) };
  }
}
