import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import type { PlanAnswer } from '../../src/api/schema/plan.ts';
import { ask, openServer, registerHost, type Server } from './server.ts';

/** What a plan foretells, for every pair of VMs and every port that anything speaks of, is what `decide` answers otherwise once it is applied. */

type End = PlanAnswer['connectivity']['items'][number]['from'][number];
type Labels = Readonly<Record<string, string>>;

const tenants = ['acme', 'globex'] as const;
const apps = ['web', 'db', 'ops'] as const;
const ports = [22, 80, 443, 5432, 8080] as const;
const families = [4, 6] as const;
const vmsEach = 4;
const steps = 12;

class Cloud {
  readonly #server: Server;
  readonly #random: Random;
  readonly labels = new Map<string, Labels>();
  readonly policies = new Set<string>();

  constructor(server: Server, random: Random) {
    this.#server = server;
    this.#random = random;
  }

  async furnish(): Promise<void> {
    await registerHost(this.#server, 'h', '192.0.2.1');
    const owned = tenants.flatMap((tenant) => [
      { kind: 'Tenant', metadata: { name: tenant }, spec: {} },
      ...apps.map((app) => ({ kind: 'Group', metadata: { name: app, tenant }, spec: { selector: { matchLabels: { app } } } })),
      ...Array.from({ length: vmsEach }, (_, index) => this.vm(tenant, index)),
      { kind: 'Policy', metadata: { name: 'out', tenant }, spec: { egress: [{ action: 'allow' }] } },
    ]);
    const shared = { subnets: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }], sharedWith: ['globex'] };
    await this.#apply([{ kind: 'Network', metadata: { name: 'lan', tenant: 'acme' }, spec: shared }, ...owned], []);
  }

  vm(tenant: string, index: number): object {
    const name = `vm-${index}`;
    const labels = { app: this.#random.pick(apps) };
    this.labels.set(`${tenant}/${name}`, labels);
    const declared = { http: { protocol: 'tcp', port: this.#random.pick([80, 8080]) } };
    const interfaces = [{ name: 'eth0', network: 'acme/lan', ports: declared }];
    return { kind: 'Vm', metadata: { name, tenant, labels }, spec: { hypervisor: 'kvm', interfaces } };
  }

  /** Documents, and what is deleted with them. */
  change(): { readonly documents: readonly object[]; readonly deletions: readonly object[] } {
    const random = this.#random;
    const tenant = random.pick(tenants);
    const [gone] = random.shuffle([...this.policies]);
    if (gone !== undefined && random.chance(0.25)) {
      const [owner = '', name] = gone.split('/');
      this.policies.delete(gone);
      return { documents: [], deletions: [{ kind: 'Policy', ...(owner !== '' && { tenant: owner }), name }] };
    }
    const documents = Array.from({ length: random.integer(1, 2) }, (_, index) => this.#document(tenant, index));
    return { documents, deletions: [] };
  }

  #document(tenant: string, index: number): object {
    const random = this.#random;
    switch (random.integer(0, 9)) {
      case 0:
        return { kind: 'Tenant', metadata: { name: random.pick(tenants) }, spec: { posture: random.pick(['open', 'zero-trust']) } };
      case 1:
      case 2:
        return this.vm(tenant, index);
      case 3:
        return this.#intent(tenant);
      case 4:
        return this.#policy(undefined, index);
      default:
        return this.#policy(tenant, index);
    }
  }

  #intent(tenant: string): object {
    const [from, to] = [this.#random.pick(apps), this.#random.pick(apps)];
    const text = `${this.#random.pick(['allow', 'deny'])} tcp ${this.#random.pick(ports)} from group ${from} to group ${to}`;
    return { kind: 'Intent', metadata: { name: 'intent', tenant }, spec: { text } };
  }

  #policy(tenant: string | undefined, index: number): object {
    const random = this.#random;
    const name = `p${index}-${random.integer(0, 3)}`;
    this.policies.add(`${tenant ?? ''}/${name}`);
    const peers = () =>
      tenant === undefined
        ? [{ any: true }]
        : [
            random.pick([
              { group: random.pick(apps) },
              { cidr: random.pick(['10.0.0.0/29', 'fd00::/64', '0.0.0.0/0']) },
              { any: true },
            ] as const),
          ];
    const services = () => {
      const [first, last] = [random.pick(ports), random.pick(ports)];
      return [
        random.pick([
          { protocol: 'tcp', port: Math.min(first, last), endPort: Math.max(first, last) },
          { protocol: 'tcp', portName: 'http' },
          { protocol: 'tcp', port: first },
        ] as const),
      ];
    };
    const rule = (peer: 'from' | 'to') => ({
      action: random.pick(['allow', 'allow', 'deny', 'reject', 'pass']),
      [peer]: peers(),
      ...(random.chance(0.8) && { services: services() }),
    });
    const spec = {
      ...(tenant === undefined && { tier: random.pick(['platform', 'baseline']) }),
      order: random.integer(0, 2000),
      ...(tenant !== undefined && random.chance(0.5) && { appliesTo: [random.pick(apps)] }),
      ingress: [rule('from'), rule('from')],
      ...(random.chance(0.3) && { egress: [rule('to')] }),
    };
    return { kind: 'Policy', metadata: { name, ...(tenant !== undefined && { tenant }) }, spec };
  }

  async carryOut({ documents, deletions }: ReturnType<Cloud['change']>): Promise<void> {
    await this.#apply(documents, deletions);
  }

  async #apply(documents: readonly object[], deletions: readonly object[]): Promise<void> {
    if (documents.length > 0) {
      const { status, body } = await ask(this.#server, 'POST', '/v1/apply', { body: documents });
      if (status !== 200) throw new Error(JSON.stringify(body));
    }
    for (const { tenant, name } of deletions as readonly { tenant?: string; name: string }[]) {
      const path = `${tenant === undefined ? '/v1' : `/v1/tenants/${tenant}`}/policies/${name}`;
      const { status } = await ask(this.#server, 'DELETE', path);
      if (status !== 200) throw new Error(`DELETE ${path}: ${status}`);
    }
  }

  /** What passes, as `FROM TO FAMILY PORT`. */
  async passing(): Promise<ReadonlySet<string>> {
    const names = [...this.labels.keys()];
    const questions = names.flatMap((from) =>
      names
        .filter((to) => to !== from)
        .flatMap((to) => families.flatMap((family) => ports.map((port) => ({ from, to, protocol: 'tcp', port, family })))),
    );
    const { status, body } = await ask(this.#server, 'POST', '/v1/decide', { body: { questions } });
    if (status !== 200) throw new Error(JSON.stringify(body));
    const passes = questions.filter((_, index) => {
      const { verdict, error } = body.answers[index];
      if (error) throw new Error(JSON.stringify(error));
      return verdict === 'allow';
    });
    return new Set(passes.map(({ from, to, family, port }) => `${from} ${to} ${family} ${port}`));
  }
}

/** What rows of one kind say of VMs, by the labels that they have then. */
function foretold(
  { connectivity }: PlanAnswer,
  change: 'gains' | 'loses',
  labels: ReadonlyMap<string, Labels>,
  groups: GroupsOf,
): ReadonlySet<string> {
  const names = [...labels.keys()];
  const isIn = (end: End, name: string): boolean => {
    const [tenant, vm] = name.split('/');
    switch (end.kind) {
      case 'tenant':
        return end.tenant === tenant;
      case 'group':
        return end.tenant === tenant && groups(end.group, labels.get(name) ?? {});
      case 'interface':
        return end.tenant === tenant && end.vm === vm;
      default:
        return false;
    }
  };
  const isFor = (end: End, family: 4 | 6): boolean =>
    end.kind !== 'interface' || end.address === undefined || end.address.includes(':') === (family === 6);
  const said = new Set<string>();
  for (const row of connectivity.items.filter((each) => each.change === change)) {
    for (const family of families) {
      if (row.family !== undefined && row.family !== family) continue;
      for (const from of names.filter((name) => row.from.some((end) => isIn(end, name) && isFor(end, family)))) {
        for (const to of names.filter((name) => name !== from && row.to.some((end) => isIn(end, name) && isFor(end, family)))) {
          for (const port of ports) if (row.services.some((text) => covers(text, port))) said.add(`${from} ${to} ${family} ${port}`);
        }
      }
    }
  }
  return said;
}

type GroupsOf = (group: string, labels: Labels) => boolean;

function covers(text: string, port: number): boolean {
  if (text === 'all' || text === 'tcp') return true;
  const [, first, last] = /^tcp\/(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  return first !== undefined && port >= Number(first) && port <= Number(last ?? first);
}

const minus = (a: ReadonlySet<string>, b: ReadonlySet<string>): readonly string[] => [...a].filter((each) => !b.has(each)).toSorted();

test.each([1, 2, 3, 4])('seed %i', { timeout: 120_000 }, async (seed) => {
  const server = await openServer();
  onTestFinished(() => server.close());
  const cloud = new Cloud(server, new Random(7_000 + seed));
  await cloud.furnish();
  const isOf: GroupsOf = (group, labels) => labels['app'] === group;
  let changed = 0;
  let before = await cloud.passing();
  for (let step = 0; step < steps; step++) {
    const labelsBefore = new Map(cloud.labels);
    const change = cloud.change();
    const asked = await ask(server, 'POST', '/v1/plan', { body: { documents: change.documents, delete: change.deletions } });
    const plan = asked.body as PlanAnswer;
    const what = `seed ${seed}, step ${step}: ${JSON.stringify(change)}`;
    expect({ what, status: asked.status }).toEqual({ what, status: 200 });
    expect(plan.connectivity.complete).toBe(true);
    await cloud.carryOut(change);
    const after = await cloud.passing();
    const said = {
      gains: [...foretold(plan, 'gains', cloud.labels, isOf)].toSorted(),
      loses: [...foretold(plan, 'loses', labelsBefore, isOf)].toSorted(),
    };
    expect({ what, ...said }).toEqual({ what, gains: minus(after, before), loses: minus(before, after) });
    changed += minus(after, before).length + minus(before, after).length;
    before = after;
  }
  expect(changed).toBeGreaterThan(100);
});
