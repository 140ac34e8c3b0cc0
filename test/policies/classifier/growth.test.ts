import { expect, test } from 'vitest';
import { Classifier } from '../../../policies/classifier/index.ts';
import type { DocumentId } from '../../../policies/index.ts';
import { nic, SmallCloud } from '../small-cloud.ts';

/** Whole tenants come and go under names that never come again: numbers and memory are given back. */
test('what is deleted leaves nothing behind', () => {
  const cloud = new SmallCloud().group(undefined, 'everyone', { app: 'web' }, 'all');
  const { documents } = cloud;
  const classifier = new Classifier(documents, 0, { bytesFirst: 1024, bytesMax: 2 ** 24 }, 1);
  let revision = 0;
  const commit = (ids: readonly DocumentId[]): void => classifier.update({ documents: ids.map((id) => ({ id })) }, documents, ++revision);
  const cycle = (step: number): number => {
    const tenant = `t-${step}`;
    const names = Array.from({ length: 5 }, (_, index) => `g-${step}-${index}`);
    cloud.tenant(tenant).network(tenant, 'a', 1000 + step, '10.0.0.0/24', '10.0.0.1');
    for (const name of names) cloud.group(tenant, name, { [name]: 'in' });
    const [first = '', second = ''] = names;
    const cidrs = Array.from({ length: 200 }, (_, index) => ({
      kind: 'cidr' as const,
      cidr: `10.${index}.${step % 256}.0/24`,
      except: [],
    }));
    cloud.policy(tenant, `p-${step}`, {
      appliesTo: [first],
      ingress: [
        ...cidrs.map((peer) => ({ action: 'allow' as const, peers: [peer], log: false })),
        {
          action: 'allow',
          peers: [
            { kind: 'group', group: second },
            { kind: 'group', group: 'platform/everyone' },
          ],
          log: false,
        },
        ...(step % 3 === 0
          ? [{ action: 'deny' as const, services: [{ protocol: 'tcp' as const, portName: `n-${step}` }], log: false }]
          : []),
      ],
    });
    cloud.vm(
      tenant,
      'one',
      undefined,
      { [first]: 'in', app: 'web' },
      nic('a', '10.0.0.10', { ports: { [`n-${step}`]: { protocol: 'tcp', port: 80 } } }),
    );
    const ids: readonly DocumentId[] = [
      { kind: 'Tenant', tenant: undefined, name: tenant },
      { kind: 'Network', tenant, name: 'a' },
      ...names.map((name): DocumentId => ({ kind: 'Group', tenant, name })),
      { kind: 'Policy', tenant, name: `p-${step}` },
      { kind: 'Vm', tenant, name: 'one' },
    ];
    commit(ids);
    // One in three goes while its vectors are half built.
    let steps = step % 13;
    classifier.work(() => step % 3 === 2 && --steps < 0);
    const full = classifier.size;
    expect(full).toMatchObject({ rules: step % 3 === 0 ? 202 : 201, groupSets: 1, groups: 6 });
    expect(full.lanes.rules, 'vectors are for tables that name no port, when they are built').toBe(step % 3 === 1 ? 201 : 0);
    for (const id of ids) documents.delete(id);
    commit(ids);
    expect(classifier.size).toMatchObject({ rules: 0, groupSets: 0, groups: 1, lanes: { tables: 0, rules: 0, bytes: 0 } });
    return classifier.size.bytesUsed;
  };
  const early = Math.max(...Array.from({ length: 5 }, (_, step) => cycle(step)));
  const late = Math.max(...Array.from({ length: 200 }, (_, step) => cycle(step + 5)));
  expect(late).toBe(early);
  expect(classifier.size.bytes, 'nor does the buffer grow').toBeLessThan(2 ** 21);
});
