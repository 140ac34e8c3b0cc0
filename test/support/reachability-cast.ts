import type { RawDocument } from './policy-oracle.ts';

/** Who plays in test/scenarios/reachability: nine VMs `xa` to `zc`, whose first letter says where they are, and whose last one what they are. */
export interface Cast {
  readonly documents: readonly RawDocument[];
  readonly ends: readonly CastEnd[];
}

/** An address of each family; without an owner nobody's. */
export interface CastEnd {
  readonly name: string;
  readonly tenant: string | undefined;
  readonly addresses: readonly [v4: string, v6: string];
}

const places = ['x', 'y', 'z'] as const;
const apps = ['a', 'b', 'c'] as const;
const outside: CastEnd = { name: 'out', tenant: undefined, addresses: ['192.0.2.9', '2001:db8::9'] };

const document = (kind: string, tenant: string | undefined, name: string, spec: unknown, labels?: Record<string, string>): RawDocument => ({
  kind,
  metadata: { name, ...(tenant === undefined ? {} : { tenant }), ...(labels === undefined ? {} : { labels }) },
  spec,
});
const hosts = ['h1', 'h2'].map((name, index) => document('Host', undefined, name, { encapIp: `172.16.0.${index + 1}` }));
const subnets = (place: number): unknown => [{ cidr: `10.${place + 1}.0.0/24` }, { cidr: `fd00:${place + 1}::/64` }];
const addressesOf = (place: number, app: number): CastEnd['addresses'] => [
  `10.${place + 1}.0.1${app + 1}`,
  `fd00:${place + 1}::1${app + 1}`,
];
const labelled = (labels: Record<string, string>): unknown => ({ selector: { matchLabels: labels } });

/** `xc`, `yc` and `zc` serve elsewhere. Those of `z` are on a host of their own. */
function vm(tenant: string, network: string, place: number, app: number, labels: Record<string, string>): RawDocument {
  const ports =
    app === 2
      ? { web: { protocol: 'tcp', port: 81 } }
      : { web: { protocol: 'tcp', port: 80 }, feed: { protocol: 'udp', port: 80 }, alt: { protocol: 'tcp', port: 81 } };
  const item = { name: 'eth0', network, addresses: addressesOf(place, app), ports };
  return document(
    'Vm',
    tenant,
    `${places[place]}${apps[app]}`,
    { host: place === 2 ? 'h2' : 'h1', power: 'running', interfaces: [item] },
    labels,
  );
}

function cast(documents: readonly RawDocument[], vms: readonly RawDocument[]): Cast {
  const ends = vms.map(({ metadata: { name, tenant }, spec }): CastEnd => {
    const [item] = (spec as { interfaces: readonly { addresses: CastEnd['addresses'] }[] }).interfaces;
    return { name, tenant, addresses: item?.addresses ?? outside.addresses };
  });
  return { documents: [...documents, ...vms], ends: [...ends, outside] };
}

const everyVm = <T>(make: (place: number, app: number) => T): readonly T[] =>
  places.flatMap((_place, place) => apps.map((_app, app) => make(place, app)));

/** Networks `x`, `y`, `z` of one tenant `shop`, joined by a router; groups `all`, of each place, app and VM, of the tenant and of the platform. */
function oneTenant(): Cast {
  const groups = [
    ['all', { selector: {} }],
    ...places.map((place) => [place, labelled({ place })]),
    ...apps.map((app) => [app, labelled({ app })]),
    ...everyVm((place, app) => [`${places[place]}${apps[app]}`, labelled({ place: places[place] ?? '', app: apps[app] ?? '' })]),
  ] as const;
  return cast(
    [
      ...hosts,
      document('Tenant', undefined, 'shop', { posture: 'open' }),
      ...places.map((name, place) => document('Network', 'shop', name, { subnets: subnets(place) })),
      document('Router', 'shop', 'main', { networks: places }),
      ...['shop', undefined].flatMap((owner) => groups.map(([name, spec]) => document('Group', owner, String(name), spec))),
    ],
    everyVm((place, app) => vm('shop', places[place] ?? '', place, app, { place: places[place] ?? '', app: apps[app] ?? '' })),
  );
}

/** Tenants `x`, `y`, `z` with a network `lan` each, joined by the platform; groups `all` and of each app, of each tenant and of the platform, which has `x`, `y`, `z` too. */
function threeTenants(): Cast {
  const groups = [['all', { selector: {} }], ...apps.map((app) => [app, labelled({ app })])] as const;
  return cast(
    [
      ...hosts,
      ...places.flatMap((tenant, place) => [
        document('Tenant', undefined, tenant, { posture: 'open' }),
        document('Network', tenant, 'lan', { subnets: subnets(place) }),
      ]),
      document('Router', undefined, 'exchange', { networks: places.map((tenant) => ({ tenant, network: 'lan' })) }),
      ...[...places, undefined].flatMap((owner) => groups.map(([name, spec]) => document('Group', owner, String(name), spec))),
      ...places.map((tenant) => document('Group', undefined, tenant, { selector: {}, tenants: [tenant] })),
    ],
    everyVm((place, app) => vm(places[place] ?? '', 'lan', place, app, { app: apps[app] ?? '' })),
  );
}

export const casts: Readonly<Record<string, () => Cast>> = { 'one tenant': oneTenant, 'three tenants': threeTenants };
