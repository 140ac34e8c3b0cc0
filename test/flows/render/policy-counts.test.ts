import { describe, expect, test } from 'vitest';
import { MemoryDocuments } from '../../../bench/workloads/documents.ts';
import { flowKey, flowsEqual } from '../../../flows/model/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { tables } from '../../../flows/pipeline/index.ts';
import { renderElement } from '../../../flows/render/index.ts';
import { elementKey } from '../../../policies/compiled.ts';
import type { Element } from '../../../policies/compiled.ts';
import { createGraph } from '../../../policies/index.ts';
import type { Document, Rule } from '../../../policies/model/kinds.ts';
import { groupedCloud } from '../../support/grouped-cloud.ts';

/** How many flows policies take: with groups, rules and members, never with their products. */

const flowsOf = (elements: Iterable<Element>): readonly Flow[] =>
  [...elements].flatMap((element) => renderElement(elementKey(element), element));
const isPolicy = ({ tableId }: Flow): boolean => tableId >= tables.egressPlatform.id && tableId <= tables.accounting.id;

function flowsAt(documents: MemoryDocuments, host = 'h0'): readonly Flow[] {
  const graph = createGraph();
  graph.load(documents);
  return flowsOf(graph.elements(host).values());
}
const policyFlows = (documents: MemoryDocuments): number => flowsAt(documents).filter(isPolicy).length;

describe('a host with 50 VMs, 100 groups of 100 members and 100 rules between groups', () => {
  // One flow for each rule, one for its accounting, one for the accounting of what no rule decides.
  test('has two flows a rule, when every VM is in one group and when it is in ten', () => {
    const one = groupedCloud({ vms: 10_000, groups: 100, groupsOfVm: 1, rules: 100 });
    expect(policyFlows(one.documents)).toBe(201);
    const ten = groupedCloud({ vms: 1_000, groups: 100, groupsOfVm: 10, rules: 100 });
    expect(ten.membersOf(0)).toBe(100);
    expect(policyFlows(ten.documents)).toBe(201);
  });

  test('has a conjunction for each rule with lists of peers and services, less than 1,000 in all', () => {
    const rule: Partial<Rule> = {
      peers: [
        { kind: 'group', group: 'g1' },
        { kind: 'group', group: 'g2' },
      ],
      services: [
        { protocol: 'tcp', port: 443 },
        { protocol: 'tcp', port: 8000, endPort: 8191 },
      ],
    };
    const cloud = groupedCloud({ vms: 1_000, groups: 100, groupsOfVm: 10, rules: 100, rule });
    // 8000-8191 is two masked matches: 1 group here, 2 there, 3 services and the conjunction; and the accounting.
    expect(policyFlows(cloud.documents)).toBe(100 * (1 * 2 * 3 + 1) + 1);
    expect(policyFlows(cloud.documents)).toBeLessThan(1_000);
  });

  test('changes one mapping on each host that knows a VM when it is relabelled, and its own place', () => {
    const { documents, host } = groupedCloud({ vms: 1_000, groups: 100, groupsOfVm: 10, rules: 100 });
    const graph = createGraph();
    graph.load(documents);
    const at = (name: string): ReadonlyMap<string, Flow> =>
      new Map(flowsOf(graph.elements(name).values()).map((flow) => [flowKey(flow), flow]));
    const hosts = [...graph.hosts()];
    const before = new Map(hosts.map((name) => [name, at(name)]));
    const vm = documents.get('Vm', 'acme', 'v7')?.document;
    if (!vm) throw new Error('v7 is missing');
    const changed: Document = { ...vm, metadata: { ...vm.metadata, labels: { ...vm.metadata.labels, g99: 'in' } } };
    documents.put(changed);
    graph.update({ documents: [{ id: { kind: 'Vm', tenant: 'acme', name: 'v7' } }], numbers: [] }, documents);
    for (const name of hosts) {
      const now = at(name);
      const old = before.get(name) ?? new Map<string, Flow>();
      const different = [...now].filter(([key, flow]) => {
        const was = old.get(key);
        return was === undefined || !flowsEqual(was, flow);
      });
      expect(now.size).toBe(old.size);
      const tablesChanged = different.map(([, flow]) => flow.tableId).toSorted((a, b) => a - b);
      expect(tablesChanged, `on ${name}`).toEqual(name === host('v7') ? [tables.local.id, tables.identity.id] : [tables.identity.id]);
    }
  });
});

test('three IPv6 blocks as peers take four flows', () => {
  const cidr = (text: string): { kind: 'cidr'; cidr: string; except: readonly string[] } => ({ kind: 'cidr', cidr: text, except: [] });
  const rule: Partial<Rule> = { peers: ['2001:db8::/32', 'fd00:1::/64', '2001:db9:0:8::/61'].map(cidr) };
  const { documents } = groupedCloud({ vms: 50, groups: 1, groupsOfVm: 1, rules: 1, rule });
  expect(policyFlows(documents)).toBe(3 + 1 + 1);
});

describe('more than 128 groups', () => {
  test('that share no member take as many flows as with bits', () => {
    const { documents } = groupedCloud({ vms: 3_000, groups: 300, groupsOfVm: 1, rules: 300 });
    expect(documents.tenantNumbers('acme')?.view).toBe(1);
    // 50 of the VMs are here, each in another group, and only the rules about those.
    expect(policyFlows(documents)).toBe(2 * 50 + 1);
  });

  test('on a host that has a member of each: two flows a rule', () => {
    const { documents } = groupedCloud({ vms: 300, groups: 300, groupsOfVm: 1, rules: 300, hosts: 1 });
    expect(policyFlows(documents)).toBe(2 * 300 + 1);
  });

  test('with members in two groups take two flows more for each rule: the sets that have its group', () => {
    const { documents } = groupedCloud({ vms: 300, groups: 300, groupsOfVm: 2, rules: 300, hosts: 1 });
    // Two sets here times two there are as many as a conjunction of two and two less one: a product.
    expect(policyFlows(documents)).toBe((4 + 1) * 300 + 1);
  });
});

describe('flows grow with the sum', () => {
  const base = { vms: 400, groups: 40, groupsOfVm: 4, rules: 40, hosts: 8 };
  const count = (change: Partial<typeof base>): { readonly policy: number; readonly all: number } => {
    const flows = flowsAt(groupedCloud({ ...base, ...change }).documents);
    return { policy: flows.filter(isPolicy).length, all: flows.length };
  };
  const before = count({});

  test('twice the rules take twice the policy flows, and nothing else more', () => {
    const after = count({ rules: 80 });
    expect(after.policy - before.policy).toBe(2 * 40);
    expect(after.all - before.all).toBe(2 * 40);
  });

  test('twice the groups take no flow', () => {
    expect(count({ groups: 80 })).toEqual(before);
  });

  test('twice the groups of each VM take no flow', () => {
    expect(count({ groupsOfVm: 8 })).toEqual(before);
  });

  test('twice the VMs take no policy flow; each three for its address, and two for each host more', () => {
    const after = count({ vms: 800, hosts: 16 });
    expect(after.policy).toBe(before.policy);
    expect(after.all - before.all).toBe(3 * 400 + 2 * 8);
  });

  test('the same beyond 128 groups that share no member', () => {
    const many = { vms: 400, groups: 200, groupsOfVm: 1, hosts: 2 };
    const few = count({ ...many, rules: 200 }).policy;
    expect(count({ ...many, rules: 400 }).policy - 1).toBe(2 * (few - 1));
    expect(count({ ...many, vms: 800, rules: 200, hosts: 4 }).policy).toBe(few);
  });
});
