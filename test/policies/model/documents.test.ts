import { describe, expect, test } from 'vitest';
import { groupKeyOf, nameFrom, portIdOf, presentSpec, profiles, resolveGroup, resolveName } from '../../../policies/model/index.ts';
import { kinds, parseDocument } from '../../../policies/model/parse.ts';
import { schemas } from '../../../policies/model/schema/resource.ts';
import type { Document, Kind, Wanted } from '../../../policies/model/index.ts';
import { parsePort } from '../../../policies/model/service.ts';
import { Findings } from '../../../policies/model/index.ts';

function parsed(kind: Kind, spec: object, tenant: string | null = 'acme'): Wanted {
  const owner = tenant === null ? ({ kind: 'platform' } as const) : ({ kind: 'tenant', name: tenant } as const);
  const result = parseDocument({ spec }, { kind, name: 'x', owner });
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  return result.value;
}

/** What is stored when nothing is left open. */
function shown(kind: Kind, spec: object, tenant: string | null = 'acme'): unknown {
  const wanted = parsed(kind, spec, tenant);
  const metadata = { name: 'x', ...(tenant === null ? {} : { tenant }), labels: {}, uid: 'u', createdAt: '' };
  return presentSpec({ kind, metadata, spec: wanted.spec } as Document);
}

describe('a document', () => {
  test('gets its defaults', () => {
    expect(parsed('Tenant', {}, null).spec).toEqual({ posture: 'zero-trust', quotas: {} });
    expect(parsed('Policy', {}).spec).toEqual({ tier: 'tenant', order: 1000, ingress: [], egress: [] });
    expect(parsed('Policy', {}, null).spec).toMatchObject({ tier: 'platform' });
    expect(parsed('Group', { selector: {} }, null).spec).toMatchObject({ tenants: 'all' });
    expect(parsed('Network', { subnets: [{ cidr: '10.0.0.0/24' }] }).spec).toEqual({
      vni: undefined,
      subnets: [{ cidr: '10.0.0.0/24', gateway: undefined, dhcp: true, dns: [] }],
      broadcast: false,
      isolation: 'none',
      sharedWith: [],
    });
  });

  test('has addresses in their one spelling', () => {
    const subnet = { cidr: '2001:0DB8:0:0::/64', gateway: '2001:db8:0:0:0:0:0:FFFE', dns: ['2001:4860:4860:0::8888'] };
    expect(parsed('Network', { subnets: [subnet] }).spec).toMatchObject({
      subnets: [{ cidr: '2001:db8::/64', gateway: '2001:db8::fffe', dns: ['2001:4860:4860::8888'] }],
    });
    expect(
      parsed('Vm', { interfaces: [{ name: 'a', network: 'acme/n', mac: '02:AB:00:00:00:01', addresses: ['FD00::0:1'] }] }).spec,
    ).toMatchObject({
      interfaces: [{ network: 'n', mac: '02:ab:00:00:00:01', addresses: ['fd00::1'] }],
    });
  });

  test.each<[Kind, object, string | null]>([
    ['Router', { networks: ['a', 'other/b'] }, 'acme'],
    ['Router', { networks: [{ tenant: 'a', network: 'b' }] }, null],
    ['Group', { selector: {} }, 'acme'],
    ['Group', { selector: { matchLabels: { constructor: 'x' }, matchExpressions: [{ key: 'weir.io/vm', operator: 'Exists' }] } }, 'acme'],
    ['Group', { cidrs: ['10.0.0.0/8'], except: ['10.1.0.0/16'], tenants: ['a', 'b'] }, null],
    [
      'Service',
      {
        ports: [
          { protocol: 'tcp', port: 1, endPort: 2 },
          { protocol: 'udp', portName: 'web' },
          { protocol: 'icmp', type: 3, code: 0 },
          { protocol: 'sctp' },
        ],
      },
      'acme',
    ],
    [
      'Policy',
      {
        tier: 'tenant',
        order: 7,
        appliesTo: ['web', 'platform/ops'],
        ingress: [
          {
            action: 'reject',
            from: [{ group: 'platform/ops' }, { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }, { any: true }],
            services: ['ssh', { protocol: 'tcp', port: 1 }],
            log: true,
          },
        ],
        egress: [{ action: 'pass' }],
      },
      'acme',
    ],
    ['Policy', { tier: 'baseline', order: 0, egress: [{ action: 'deny', to: [{ tenant: 'a', group: 'b' }, { group: 'c' }] }] }, null],
    ['QosPolicy', { appliesTo: ['web'], egress: { maxMbps: 5, guaranteedMbps: 5, burstKb: 9 }, dscp: 0, class: 'storage' }, 'acme'],
  ])('%s %j is shown as it was written', (kind, spec, tenant) => {
    expect(shown(kind, spec, tenant)).toEqual(spec);
    expect(parsed(kind, shown(kind, spec, tenant) as object, tenant)).toEqual(parsed(kind, spec, tenant));
  });

  test('that was read may be sent back', () => {
    const raw = {
      kind: 'Tenant',
      metadata: { name: 'x', labels: {}, uid: 'u', revision: 5, createdAt: '2026-11-21T00:00:00Z' },
      spec: {},
      status: { anything: [1] },
    };
    expect(parseDocument(raw).ok).toBe(true);
  });
});

describe('names', () => {
  test('mean what their scope says, and are the shortest that do', () => {
    expect([resolveName('a', 'x'), resolveName('a', 'platform/x'), resolveName('a', 'b/x'), resolveName(undefined, 'x')]).toEqual([
      { tenant: 'a', name: 'x' },
      { tenant: undefined, name: 'x' },
      { tenant: 'b', name: 'x' },
      { tenant: undefined, name: 'x' },
    ]);
    for (const owner of ['a', undefined]) for (const name of ['x', 'b/x']) expect(nameFrom(owner, resolveName(owner, name))).toBe(name);
    expect(groupKeyOf('a', resolveGroup(undefined, 'x', 'a'))).toBe('x');
    expect(groupKeyOf('a', resolveGroup(undefined, 'x'))).toBe('platform/x');
    expect(portIdOf({ metadata: { uid: 'u' } }, 'eth0')).toBe('u-eth0');
  });
});

describe('what is built in', () => {
  test('profiles are services that a user could have written', () => {
    for (const [name, ports] of profiles) {
      const findings = new Findings();
      expect([name, ports.map((port) => parsePort(port as never, '', findings))]).toEqual([name, ports]);
      expect(findings.issues).toEqual([]);
    }
    expect(['ssh', 'http', 'https', 'dns', 'postgresql', 'mysql', 'redis'].filter((name) => !profiles.has(name))).toEqual([]);
  });

  test('there is a schema for each kind', () => {
    expect(new Set(Object.keys(schemas))).toEqual(new Set(kinds));
  });
});
