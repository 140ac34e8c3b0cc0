import { describe, expect, test } from 'vitest';
import { document, oneInterface, openFurnished, openHarness, refused } from './harness.ts';
import type { Harness } from './harness.ts';

interface Case {
  readonly name: string;
  readonly code: string;
  readonly pointer?: string;
  readonly users?: readonly string[];
  readonly given?: (harness: Harness) => Promise<unknown>;
  readonly when: (harness: Harness) => Promise<unknown>;
}

const group = { selector: {} };
const allow = (more: object = {}): object => ({ ingress: [{ action: 'allow', ...more }] });

const cases: readonly Case[] = [
  {
    name: 'a document that is no object',
    code: 'malformed',
    pointer: '',
    when: (h) => h.admission.submit({ writes: [{ verb: 'put', kind: 'Vm', tenant: 'acme', name: 'a', raw: 5 }] }),
  },
  {
    name: 'an unknown field',
    code: 'unknown-field',
    pointer: '/spec/colour',
    when: (h) => h.put('Network', 'acme', 'red', { colour: 'red' }),
  },
  { name: 'a wrong type', code: 'malformed', pointer: '/spec/mtu', when: (h) => h.put('Network', 'acme', 'red', { mtu: '1500' }) },
  { name: 'a document below a tenant that is not there', code: 'not-found', when: (h) => h.put('Network', 'nobody', 'red') },
  {
    name: 'an applied document of a tenant that is not there',
    code: 'reference-missing',
    pointer: '/metadata/tenant',
    when: (h) => h.apply(document('Network', 'nobody', 'red')),
  },
  {
    name: 'two writes of one document',
    code: 'malformed',
    pointer: '/1',
    when: (h) => h.apply(document('Network', 'acme', 'red'), document('Network', 'acme', 'red')),
  },
  {
    name: 'a mistake in the second document',
    code: 'malformed',
    pointer: '/1/spec/subnets/0/cidr',
    when: (h) => h.apply(document('Network', 'acme', 'red'), document('Network', 'acme', 'green', { subnets: [{ cidr: 'x' }] })),
  },
  { name: 'a delete of what is not there', code: 'not-found', when: (h) => h.remove('Network', 'acme', 'red') },
  { name: 'a stale revision', code: 'stale', when: (h) => h.put('Network', 'acme', 'blue', {}, { kind: 'at', revision: 1 }) },
  { name: 'a revision of what is not there', code: 'stale', when: (h) => h.put('Network', 'acme', 'red', {}, { kind: 'at', revision: 1 }) },
  { name: 'creation of what is there', code: 'stale', when: (h) => h.put('Network', 'acme', 'blue', {}, { kind: 'absent' }) },
  {
    name: 'overlapping subnets in a network',
    code: 'subnet-overlap',
    pointer: '/spec/subnets/1/cidr',
    when: (h) => h.put('Network', 'acme', 'red', { subnets: [{ cidr: '10.1.0.0/16' }, { cidr: '10.1.2.0/24' }] }),
  },
  {
    name: 'a gateway outside of its subnet',
    code: 'address-outside-subnet',
    pointer: '/spec/subnets/0/gateway',
    when: (h) => h.put('Network', 'acme', 'red', { subnets: [{ cidr: '10.1.0.0/16', gateway: '10.2.0.1' }] }),
  },
  {
    name: 'a VNI of another network',
    code: 'vni-in-use',
    pointer: '/spec/vni',
    given: (h) => h.put('Network', 'acme', 'red', { vni: 5000 }),
    when: (h) => h.put('Network', 'acme', 'green', { vni: 5000 }),
  },
  {
    name: 'a new VNI of a network in use',
    code: 'in-use',
    users: ['Vm/a'],
    given: (h) => h.put('Vm', 'acme', 'a', oneInterface()),
    when: (h) => h.put('Network', 'acme', 'blue', { vni: 7, subnets: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }] }),
  },
  {
    name: 'subnets that leave out an interface',
    code: 'in-use',
    pointer: '/spec/subnets',
    users: ['Vm/a'],
    given: (h) => h.put('Vm', 'acme', 'a', oneInterface()),
    when: (h) => h.put('Network', 'acme', 'blue', { subnets: [{ cidr: '10.0.0.0/24' }] }),
  },
  {
    name: 'a gateway that an interface has',
    code: 'address-in-use',
    pointer: '/spec/subnets/0/gateway',
    given: (h) => h.put('Vm', 'acme', 'a', oneInterface()),
    when: (h) => h.put('Network', 'acme', 'blue', { subnets: [{ cidr: '10.0.0.0/24', gateway: '10.0.0.2' }, { cidr: 'fd00::/64' }] }),
  },
  {
    name: 'taking a shared network back from who uses it',
    code: 'in-use',
    users: ['Tenant/other'],
    given: async (h) => {
      await h.put('Tenant', undefined, 'other');
      await h.put('Network', 'acme', 'shared', { subnets: [{ cidr: '10.9.0.0/24' }], sharedWith: ['other'] });
      await h.put('Vm', 'other', 'a', oneInterface('acme/shared'));
    },
    when: (h) => h.put('Network', 'acme', 'shared', { subnets: [{ cidr: '10.9.0.0/24' }] }),
  },
  {
    name: 'a network shared with nobody',
    code: 'reference-missing',
    pointer: '/spec/sharedWith/0',
    when: (h) => h.put('Network', 'acme', 'red', { sharedWith: ['nobody'] }),
  },
  {
    name: 'an interface in no network',
    code: 'reference-missing',
    pointer: '/spec/interfaces/0/network',
    when: (h) => h.put('Vm', 'acme', 'a', oneInterface('red')),
  },
  {
    name: 'an interface in a network that is not shared',
    code: 'reference-missing',
    pointer: '/spec/interfaces/0/network',
    given: (h) => h.put('Tenant', undefined, 'other'),
    when: (h) => h.put('Vm', 'other', 'a', oneInterface('acme/blue')),
  },
  {
    name: 'an address in no subnet',
    code: 'address-outside-subnet',
    pointer: '/spec/interfaces/0/addresses/0',
    when: (h) => h.put('Vm', 'acme', 'a', oneInterface('blue', { addresses: ['10.0.1.5'] })),
  },
  {
    name: 'the network address',
    code: 'address-outside-subnet',
    pointer: '/spec/interfaces/0/addresses/0',
    when: (h) => h.put('Vm', 'acme', 'a', oneInterface('blue', { addresses: ['10.0.0.0'] })),
  },
  {
    name: 'the broadcast address',
    code: 'address-outside-subnet',
    pointer: '/spec/interfaces/0/addresses/0',
    when: (h) => h.put('Vm', 'acme', 'a', oneInterface('blue', { addresses: ['10.0.0.255'] })),
  },
  {
    name: 'the gateway’s address',
    code: 'address-in-use',
    pointer: '/spec/interfaces/0/addresses/0',
    when: (h) => h.put('Vm', 'acme', 'a', oneInterface('blue', { addresses: ['10.0.0.1'] })),
  },
  {
    name: 'an address of another interface',
    code: 'address-in-use',
    pointer: '/spec/interfaces/0/addresses/0',
    users: ['Vm/a'],
    given: (h) => h.put('Vm', 'acme', 'a', oneInterface('blue', { addresses: ['10.0.0.9'] })),
    when: (h) => h.put('Vm', 'acme', 'b', oneInterface('blue', { addresses: ['10.0.0.9'] })),
  },
  {
    name: 'a MAC of another interface',
    code: 'address-in-use',
    pointer: '/spec/interfaces/0/mac',
    given: (h) => h.put('Vm', 'acme', 'a', oneInterface('blue', { mac: '02:00:00:00:00:01' })),
    when: (h) => h.put('Vm', 'acme', 'b', oneInterface('blue', { mac: '02:00:00:00:00:01' })),
  },
  {
    name: 'one address for two interfaces of a VM',
    code: 'address-in-use',
    pointer: '/spec/interfaces/1/addresses/0',
    when: (h) =>
      h.put('Vm', 'acme', 'a', {
        interfaces: [
          { name: 'eth0', network: 'blue', addresses: ['10.0.0.9'] },
          { name: 'eth1', network: 'blue', addresses: ['10.0.0.9'] },
        ],
      }),
  },
  {
    name: 'a subnet without a free address',
    code: 'pool-exhausted',
    pointer: '/spec/interfaces/0/addresses',
    given: async (h) => {
      await h.put('Network', 'acme', 'tiny', { subnets: [{ cidr: '10.5.0.0/30' }] });
      await h.put('Vm', 'acme', 'a', oneInterface('tiny'));
    },
    when: (h) => h.put('Vm', 'acme', 'b', oneInterface('tiny')),
  },
  {
    name: 'a running VM without a host',
    code: 'malformed',
    pointer: '/spec/host',
    when: (h) => h.put('Vm', 'acme', 'a', { power: 'running' }),
  },
  {
    name: 'a VM on a host that is not there',
    code: 'reference-missing',
    pointer: '/spec/host',
    when: (h) => h.put('Vm', 'acme', 'a', { power: 'running', host: 'h9' }),
  },
  { name: 'a start of a VM that is not there', code: 'not-found', when: (h) => h.start('acme', 'a', 'h1') },
  {
    name: 'a start on a host that is not there',
    code: 'reference-missing',
    pointer: '/host',
    given: (h) => h.put('Vm', 'acme', 'a'),
    when: (h) => h.start('acme', 'a', 'h9'),
  },
  {
    name: 'a start elsewhere',
    code: 'conflict',
    given: async (h) => {
      await h.put('Vm', 'acme', 'a', oneInterface());
      await h.start('acme', 'a', 'h1');
    },
    when: (h) => h.start('acme', 'a', 'h2'),
  },
  {
    name: 'a start on a host that takes none',
    code: 'conflict',
    given: async (h) => {
      await h.put('Host', undefined, 'h1', { schedulable: false });
      await h.put('Vm', 'acme', 'a', oneInterface());
    },
    when: (h) => h.start('acme', 'a', 'h1'),
  },
  {
    name: 'a second host with a tunnel address',
    code: 'address-in-use',
    pointer: '/encapIp',
    users: ['Host/h1'],
    when: (h) => h.register('h3', '192.0.2.1'),
  },
  { name: 'a host with a bad name', code: 'malformed', pointer: '/name', when: (h) => h.register('H 3', '192.0.2.9') },
  { name: 'a host with a bad tunnel address', code: 'malformed', pointer: '/encapIp', when: (h) => h.register('h3', '224.0.0.1') },
  {
    name: 'a router of a network that is not there',
    code: 'reference-missing',
    pointer: '/spec/networks/0',
    when: (h) => h.put('Router', 'acme', 'r', { networks: ['red'] }),
  },
  {
    name: 'a network in a second router',
    code: 'in-use',
    users: ['Router/r'],
    given: (h) => h.put('Router', 'acme', 'r', { networks: ['blue'] }),
    when: (h) => h.put('Router', 'acme', 's', { networks: ['blue'] }),
  },
  {
    name: 'overlapping networks in a router',
    code: 'subnet-overlap',
    pointer: '/spec/networks/1',
    given: (h) => h.put('Network', 'acme', 'red', { subnets: [{ cidr: '10.0.0.128/25' }] }),
    when: (h) => h.put('Router', 'acme', 'r', { networks: ['blue', 'red'] }),
  },
  {
    name: 'a routed network that comes to overlap',
    code: 'subnet-overlap',
    given: async (h) => {
      await h.put('Network', 'acme', 'red', { subnets: [{ cidr: '10.1.0.0/24' }] });
      await h.put('Router', 'acme', 'r', { networks: ['blue', 'red'] });
    },
    when: (h) => h.put('Network', 'acme', 'red', { subnets: [{ cidr: '10.0.0.0/25' }] }),
  },
  {
    name: 'a policy for a group that is not there',
    code: 'reference-missing',
    pointer: '/spec/appliesTo/0',
    when: (h) => h.put('Policy', 'acme', 'p', { appliesTo: ['web'] }),
  },
  {
    name: 'a policy from a group that is not there',
    code: 'reference-missing',
    pointer: '/spec/ingress/0/from/0/group',
    when: (h) => h.put('Policy', 'acme', 'p', allow({ from: [{ group: 'platform/web' }] })),
  },
  {
    name: 'a policy for a service that is not there',
    code: 'reference-missing',
    pointer: '/spec/ingress/0/services/1',
    when: (h) => h.put('Policy', 'acme', 'p', allow({ services: ['ssh', 'smell'] })),
  },
  {
    name: 'a group of CIDRs in appliesTo',
    code: 'malformed',
    pointer: '/spec/appliesTo/0',
    given: (h) => h.put('Group', 'acme', 'nets', { cidrs: ['10.0.0.0/8'] }),
    when: (h) => h.put('Policy', 'acme', 'p', { appliesTo: ['nets'] }),
  },
  {
    name: 'a group in appliesTo that becomes one of CIDRs',
    code: 'in-use',
    users: ['Policy/p'],
    given: async (h) => {
      await h.put('Group', 'acme', 'web', group);
      await h.put('Policy', 'acme', 'p', { appliesTo: ['web'] });
    },
    when: (h) => h.put('Group', 'acme', 'web', { cidrs: ['10.0.0.0/8'] }),
  },
  {
    name: 'a tenant’s policy in the platform’s tier',
    code: 'malformed',
    pointer: '/spec/tier',
    when: (h) => h.put('Policy', 'acme', 'p', { tier: 'platform' }),
  },
  {
    name: 'deleting a tenant with documents',
    code: 'in-use',
    users: ['Network/blue'],
    when: (h) => h.remove('Tenant', undefined, 'acme'),
  },
  {
    name: 'deleting a network with interfaces',
    code: 'in-use',
    users: ['Vm/a'],
    given: (h) => h.put('Vm', 'acme', 'a', oneInterface()),
    when: (h) => h.remove('Network', 'acme', 'blue'),
  },
  {
    name: 'deleting a network with a router',
    code: 'in-use',
    users: ['Router/r'],
    given: (h) => h.put('Router', 'acme', 'r', { networks: ['blue'] }),
    when: (h) => h.remove('Network', 'acme', 'blue'),
  },
  {
    name: 'deleting a group with a QoS policy',
    code: 'in-use',
    users: ['QosPolicy/q'],
    given: async (h) => {
      await h.put('Group', 'acme', 'web', group);
      await h.put('QosPolicy', 'acme', 'q', { appliesTo: ['web'], dscp: 10 });
    },
    when: (h) => h.remove('Group', 'acme', 'web'),
  },
  {
    name: 'deleting a service with a policy',
    code: 'in-use',
    users: ['Policy/p'],
    given: async (h) => {
      await h.put('Service', undefined, 'app', { ports: [{ protocol: 'tcp', port: 1 }] });
      await h.put('Policy', 'acme', 'p', allow({ services: ['app'] }));
    },
    when: (h) => h.remove('Service', undefined, 'app'),
  },
  {
    name: 'deleting a host with a VM',
    code: 'in-use',
    users: ['Vm/a'],
    given: async (h) => {
      await h.put('Vm', 'acme', 'a', oneInterface());
      await h.start('acme', 'a', 'h1');
    },
    when: (h) => h.remove('Host', undefined, 'h1'),
  },
  {
    name: 'too many networks',
    code: 'quota-exceeded',
    given: (h) => h.put('Tenant', undefined, 'acme', { quotas: { networks: 1 } }),
    when: (h) => h.put('Network', 'acme', 'red'),
  },
  {
    name: 'too many VMs',
    code: 'quota-exceeded',
    given: (h) => h.put('Tenant', undefined, 'acme', { quotas: { vms: 0 } }),
    when: (h) => h.put('Vm', 'acme', 'a'),
  },
  {
    name: 'too many interfaces',
    code: 'quota-exceeded',
    given: (h) => h.put('Tenant', undefined, 'acme', { quotas: { interfaces: 0 } }),
    when: (h) => h.put('Vm', 'acme', 'a', oneInterface()),
  },
  {
    name: 'too many policies',
    code: 'quota-exceeded',
    given: async (h) => {
      await h.put('Tenant', undefined, 'acme', { quotas: { policies: 1 } });
      await h.put('Policy', 'acme', 'p');
    },
    when: (h) => h.put('QosPolicy', 'acme', 'q', { dscp: 1 }),
  },
  {
    name: 'too many flows',
    code: 'flow-budget',
    given: (h) => h.put('Tenant', undefined, 'acme', { quotas: { flows: 100 } }),
    when: (h) =>
      h.put(
        'Policy',
        'acme',
        'p',
        allow({ services: Array.from({ length: 10 }, (_, index) => ({ protocol: 'tcp', port: 1, endPort: 1000 + index })) }),
      ),
  },
  {
    name: 'flow explosion without a quota',
    code: 'flow-budget',
    when: (h) =>
      h.put('Policy', 'acme', 'p', {
        ingress: Array.from({ length: 100 }, () => ({
          action: 'allow',
          from: Array.from({ length: 30 }, (_, index) => ({ cidr: '::/0', except: [`2001:db8::${index.toString(16)}/128`] })),
        })),
      }),
  },
];

describe('a request is refused with its code, and changes nothing:', () => {
  test.each(cases)('$name', async ({ code, pointer, users, given, when }) => {
    const harness = await openFurnished();
    await given?.(harness);
    const error = await refused(harness, () => when(harness));
    const pointers = error.errors.map((entry) => entry.pointer);
    const told = error.users.map((user) => `${user.kind}/${user.name}`);
    expect({
      code: error.code,
      pointer: pointer === undefined || pointers.includes(pointer) ? pointer : pointers,
      users: users && told,
    }).toEqual({ code, pointer, users });
    const again = await openHarness(harness.store);
    expect([...again.admission.snapshot().list('Network')]).toEqual([...harness.admission.snapshot().list('Network')]);
  });
});

describe('what belongs to others stays unknown:', () => {
  test('who has an address in a shared network', async () => {
    const harness = await openFurnished();
    await harness.put('Tenant', undefined, 'other');
    await harness.put('Network', 'acme', 'shared', { subnets: [{ cidr: '10.9.0.0/24' }], sharedWith: ['other'] });
    await harness.put('Vm', 'acme', 'secret', oneInterface('shared', { addresses: ['10.9.0.9'] }));
    const error = await refused(harness, () => harness.put('Vm', 'other', 'b', oneInterface('acme/shared', { addresses: ['10.9.0.9'] })));
    expect([error.code, error.users]).toEqual(['address-in-use', []]);
    expect(error.message).not.toContain('secret');
  });

  describe('in a shared network, the names that its users chose', () => {
    const open = async () => {
      const harness = await openFurnished();
      await harness.put('Tenant', undefined, 'other');
      await harness.put('Network', 'acme', 'shared', { subnets: [{ cidr: '10.9.0.0/24' }], sharedWith: ['other'] });
      await harness.put('Network', 'other', 'secret', { subnets: [{ cidr: '10.10.0.0/24' }] });
      await harness.put('Router', 'other', 'secret', { networks: ['acme/shared', 'secret'] });
      await harness.put('Vm', 'other', 'secret', {
        interfaces: [{ name: 'secret', network: 'acme/shared', addresses: ['10.9.0.9'] }],
      });
      return harness;
    };
    const shared = (subnet: object) => ({ subnets: [subnet], sharedWith: ['other'] });

    test.each([
      ['when it leaves their addresses out', 'in-use', '/spec/subnets', shared({ cidr: '10.9.0.0/29' })],
      [
        'when a gateway is one of their addresses',
        'address-in-use',
        '/spec/subnets/0/gateway',
        shared({ cidr: '10.9.0.0/24', gateway: '10.9.0.9' }),
      ],
      ['when it comes to overlap in their router', 'subnet-overlap', '/spec/subnets', shared({ cidr: '10.8.0.0/13' })],
    ])('%s', async (_says, code, pointer, spec) => {
      const harness = await open();
      const error = await refused(harness, () => harness.put('Network', 'acme', 'shared', spec));
      expect([error.code, error.errors[0]?.pointer]).toEqual([code, pointer]);
      expect(JSON.stringify([error.message, error.errors, error.users])).not.toContain('secret');
      expect(error.users).toEqual(code === 'subnet-overlap' ? [] : [{ kind: 'Tenant', name: 'other' }]);
    });

    test('when their router joins it already', async () => {
      const harness = await open();
      const error = await refused(harness, () => harness.put('Router', 'acme', 'mine', { networks: ['shared'] }));
      expect([error.code, error.users]).toEqual(['in-use', [{ kind: 'Tenant', name: 'other' }]]);
      expect(error.message).not.toContain('secret');
    });
  });

  test.each([
    ['Vm', { interfaces: [{ name: 'e', network: 'other/NAME' }] }],
    ['Router', { networks: ['other/NAME'] }],
  ] as const)('whether another tenant has a network that a %s names', async (kind, spec) => {
    const harness = await openFurnished();
    await harness.put('Tenant', undefined, 'other');
    await harness.put('Network', 'other', 'real');
    const told = async (name: string) => {
      const named = JSON.parse(JSON.stringify(spec).replace('NAME', name)) as object;
      const { code, message, errors, users } = await refused(harness, () => harness.put(kind, 'acme', 'x', named));
      return JSON.stringify({ code, message, errors, users }).replaceAll(name, 'NAME');
    };
    expect(await told('real')).toBe(await told('gone'));
  });

  test('documents of other tenants in a confined apply', async () => {
    const harness = await openFurnished();
    const confined = (raw: object) => () =>
      harness.admission.submit({ writes: [{ verb: 'apply', raw, confinedTo: 'acme', defaultTenant: 'acme' }] });
    expect((await refused(harness, confined(document('Network', 'other', 'x')))).code).toBe('not-found');
    expect((await refused(harness, confined(document('Tenant', undefined, 'other')))).code).toBe('forbidden');
    await confined(document('Network', undefined, 'mine'))();
    expect(harness.spec('Network', 'acme', 'mine').vni).toBe(1001);
  });
});
