import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatAddress, formatMac } from '../../src/base/addresses.ts';
import { Fabric } from '../support/fabric.ts';
import type { Member } from '../support/fabric.ts';
import { SmallCloud } from '../support/small-cloud.ts';
import { renderHost, tunnelPort } from '../support/render-host.ts';
import { TraceBridge } from '../support/trace-bridge.ts';
import type { Traced } from '../support/trace-bridge.ts';

/** What no policy can allow, asked of Open vSwitch one kind of frame at a time. Everybody's posture is `open`. */

let bridge: TraceBridge;
let members: readonly Member[];

beforeAll(async () => {
  bridge = await TraceBridge.start();
  const cloud = new SmallCloud();
  members = new Fabric(cloud.documents).members;
  const elements = cloud.elements('h1');
  const portOf = new Map(here().map((member, index) => [member.portId, index + 1]));
  await bridge.install(
    renderHost(elements, (portId) => portOf.get(portId)),
    elements,
  );
  for (const encap of ['172.16.0.2', '172.16.0.3']) await bridge.meet(encap);
});
afterAll(() => bridge.stop());

const here = (): readonly Member[] => members.filter(({ host }) => host === 'h1');
const nameOf = ({ owner }: Member): string => `${owner.tenant}/${owner.vm}`;

function find(name: string): Member {
  const found = members.find((member) => nameOf(member) === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

const mac = (name: string): string => formatMac(find(name).mac);
const address = (name: string, family: 4 | 6 = 4): string => {
  const found = find(name).addresses.find((candidate) => candidate.family === family);
  return found ? formatAddress(found) : '';
};
/** The link-local address that a MAC implies: 02:aa:… becomes fe80::aa:…. */
const linkLocal = (name: string): string =>
  `fe80::${mac(name).slice(3, 5)}:ff:fe00:${Number.parseInt(mac(name).slice(-2), 16).toString(16)}`;

/** Where a guest's frame arrives: names of guests, tunnels as `ADDRESS VNI`. */
async function send(from: string, frame: string): Promise<Traced & { readonly arrived: readonly string[] }> {
  const port = here().indexOf(find(from)) + 1;
  return arrival(await bridge.trace(`in_port=${port},${frame}`));
}

async function receive(encap: string, vni: number, frame: string): Promise<readonly string[]> {
  const traced = await bridge.trace(`in_port=${tunnelPort},tun_src=${encap},tun_dst=172.16.0.1,tun_id=${vni},${frame}`);
  return arrival(traced).arrived;
}

function arrival(traced: Traced): Traced & { readonly arrived: readonly string[] } {
  const guests = traced.ports.map((port) => nameOf(here()[port - 1] ?? find('')));
  return { ...traced, arrived: [...guests, ...traced.tunnels] };
}

const udp = (source: string, destination: string, ethSrc: string, ethDst: string): string =>
  destination.includes(':')
    ? `udp6,dl_src=${ethSrc},dl_dst=${ethDst},ipv6_src=${source},ipv6_dst=${destination},nw_ttl=64,udp_src=4000,udp_dst=53`
    : `udp,dl_src=${ethSrc},dl_dst=${ethDst},nw_src=${source},nw_dst=${destination},nw_ttl=64,udp_src=4000,udp_dst=53`;
const udpTo = (from: string, to: string, family: 4 | 6 = 4): string => udp(address(from, family), address(to, family), mac(from), mac(to));
const routed = (from: string, to: string, vni: number): string => udp(address(from), address(to), mac(from), router(vni));
const router = (vni: number): string => formatMac(0x0e5700_000000 + vni);
const arp = (fields: string, ethSrc: string, ethDst = 'ff:ff:ff:ff:ff:ff'): string => `arp,dl_src=${ethSrc},dl_dst=${ethDst},${fields}`;
const icmp6 = (type: number, source: string, destination: string, ethSrc: string, more = ''): string =>
  `icmp6,dl_src=${ethSrc},dl_dst=33:33:ff:00:00:0c,ipv6_src=${source},ipv6_dst=${destination},nw_ttl=255,icmpv6_type=${type},icmpv6_code=0${more}`;

describe('what is honest passes', () => {
  test.each([4, 6] as const)('inside of a network, IPv%i', async (family) => {
    expect((await send('red/web1', udpTo('red/web1', 'red/web2', family))).arrived).toEqual(['red/web2']);
    expect((await send('red/web1', udpTo('red/web1', 'red/web3', family))).arrived).toEqual(['172.16.0.2 1001']);
    expect((await send('blue/web1', udpTo('blue/web1', 'blue/web2', family))).arrived).toEqual(['blue/web2']);
  });

  test('between networks of a router', async () => {
    expect((await send('red/web1', routed('red/web1', 'red/db1', 1001))).arrived).toEqual(['red/db1']);
    expect((await send('red/web1', routed('red/web1', 'red/db2', 1001))).arrived).toEqual(['172.16.0.2 1002']);
  });

  test('from a tunnel', async () => {
    expect(await receive('172.16.0.2', 1001, udpTo('red/web3', 'red/web1'))).toEqual(['red/web1']);
    expect(await receive('172.16.0.2', 1001, udp(address('red/db2'), address('red/web1'), router(1001), mac('red/web1')))).toEqual([
      'red/web1',
    ]);
  });
});

describe('a source that is not the interface’s own is dropped', () => {
  const spoofed: readonly [string, () => string][] = [
    ['MAC', () => udp(address('red/web1'), address('red/web2'), mac('red/web3'), mac('red/web2'))],
    ['the gateway’s MAC', () => udp(address('red/web1'), address('red/web2'), router(1001), mac('red/web2'))],
    ['IPv4 address of a neighbour', () => udp(address('red/web3'), address('red/web2'), mac('red/web1'), mac('red/web2'))],
    ['IPv4 address of the gateway', () => udp('10.0.1.1', address('red/web2'), mac('red/web1'), mac('red/web2'))],
    ['IPv4 address of nobody', () => udp('192.0.2.1', address('red/web2'), mac('red/web1'), mac('red/web2'))],
    ['IPv6 address of a neighbour', () => udp(address('red/web3', 6), address('red/web2', 6), mac('red/web1'), mac('red/web2'))],
    ['link-local address', () => udp(linkLocal('red/web3'), address('red/web2', 6), mac('red/web1'), mac('red/web2'))],
    ['MAC and address of a neighbour', () => udpTo('red/web3', 'red/web2')],
    ['MAC and address of another tenant', () => udpTo('blue/web1', 'red/web2')],
  ];
  test.each(spoofed)('%s', async (_, frame) => {
    expect((await send('red/web1', frame())).arrived).toEqual([]);
  });
});

describe('frames that are no plain IP are dropped', () => {
  const odd: readonly [string, string][] = [
    ['802.1Q', 'dl_vlan=5'],
    ['802.1Q without a VLAN', 'vlan_tci=0x1000'],
    ['802.1ad', 'dl_vlan=5,dl_vlan_pcp=3'],
  ];
  test.each(odd)('%s', async (_, tag) => {
    expect((await send('red/web1', `${udpTo('red/web1', 'red/web2')},${tag}`)).arrived).toEqual([]);
  });

  test.each(['0x88cc', '0x8847', '0x8864', '0x8899', '0x0842', '0x05ff', '0x8906'])('ethertype %s', async (type) => {
    const frame = `dl_type=${type},dl_src=${mac('red/web1')},dl_dst=${mac('red/web2')}`;
    expect((await send('red/web1', frame)).arrived).toEqual([]);
  });
});

describe('ARP', () => {
  const own = (): string => `arp_spa=${address('red/web1')},arp_sha=${mac('red/web1')}`;
  const ask = (target: string): string => arp(`arp_op=1,${own()},arp_tpa=${target}`, mac('red/web1'));

  test.each([
    ['a neighbour here', () => address('red/web2'), () => mac('red/web2')],
    ['a neighbour elsewhere', () => address('red/web3'), () => mac('red/web3')],
    ['the gateway', () => '10.0.1.1', () => router(1001)],
  ])('for %s is answered', async (_, target, owner) => {
    const { arrived, actions } = await send('red/web1', ask(target()));
    expect(arrived).toEqual(['red/web1']);
    expect(actions).toContain(`set(eth(src=${owner()},dst=${mac('red/web1')}))`);
    expect(actions).toContain(`set(arp(sip=${target()},tip=${address('red/web1')},op=2,sha=${owner()},tha=${mac('red/web1')}))`);
  });

  test('knows its own tenant only', async () => {
    const frame = arp(
      `arp_op=1,arp_spa=${address('blue/web1')},arp_sha=${mac('blue/web1')},arp_tpa=${address('blue/web2')}`,
      mac('blue/web1'),
    );
    expect((await send('blue/web1', frame)).actions).toContain(`sha=${mac('blue/web2')}`);
  });

  test.each([
    ['for nobody', () => ask('10.0.1.99')],
    ['for another network', () => ask(address('red/db1'))],
    ['a reply', () => arp(`arp_op=2,${own()},arp_tpa=${address('red/web2')}`, mac('red/web1'), mac('red/web2'))],
    [
      'a false sender address',
      () => arp(`arp_op=1,arp_spa=${address('red/web2')},arp_sha=${mac('red/web1')},arp_tpa=10.0.1.1`, mac('red/web1')),
    ],
    [
      'a false sender MAC',
      () => arp(`arp_op=1,arp_spa=${address('red/web1')},arp_sha=${mac('red/web2')},arp_tpa=10.0.1.1`, mac('red/web1')),
    ],
    ['a false source MAC', () => arp(`arp_op=1,${own()},arp_tpa=10.0.1.1`, mac('red/web2'))],
    ['a probe', () => arp(`arp_op=1,arp_spa=0.0.0.0,arp_sha=${mac('red/web1')},arp_tpa=${address('red/web1')}`, mac('red/web1'))],
    ['RARP', () => `dl_type=0x8035,dl_src=${mac('red/web1')},dl_dst=ff:ff:ff:ff:ff:ff`],
  ])('%s goes nowhere', async (_, frame) => {
    expect((await send('red/web1', frame())).arrived).toEqual([]);
  });

  test('a gratuitous one reaches no other guest', async () => {
    expect((await send('red/web1', ask(address('red/web1')))).arrived.filter((name) => name !== 'red/web1')).toEqual([]);
  });
});

describe('neighbour discovery', () => {
  const solicit = (target: string, source: string, more: string): string =>
    icmp6(135, source, 'ff02::1:ff00:c', mac('red/web1'), `,nd_target=${target}${more}`);
  const own = (): string => `,nd_sll=${mac('red/web1')}`;

  test.each([
    ['a neighbour here', () => address('red/web2', 6), () => mac('red/web2')],
    ['a neighbour elsewhere', () => address('red/web3', 6), () => mac('red/web3')],
    ['the gateway', () => 'fd00:0:0:1::1', () => router(1001)],
  ])('for %s is answered', async (_, target, owner) => {
    for (const source of [address('red/web1', 6), linkLocal('red/web1')]) {
      const { arrived, actions } = await send('red/web1', solicit(target(), source, own()));
      expect(arrived).toEqual(['red/web1']);
      expect(actions).toContain(`set(eth(src=${owner()},dst=${mac('red/web1')}))`);
      expect(actions).toContain(`set(ipv6(src=${target()},dst=${source}))`);
      expect(actions).toContain('set(nd_ext(nd_reserved=0x60000000,nd_options_type=2))');
      expect(actions).toContain(`set(nd(tll=${owner()})),set(icmpv6(type=136,code=0))`);
    }
  });

  test('a neighbour is asked again without a source option', async () => {
    expect((await send('red/web1', solicit(address('red/web2', 6), address('red/web1', 6), ''))).arrived).toEqual(['red/web1']);
  });

  test.each([
    ['for nobody', () => solicit('fd00:0:0:1::99', address('red/web1', 6), own())],
    ['for another network', () => solicit(address('red/db1', 6), address('red/web1', 6), own())],
    ['a false source option', () => solicit(address('red/web2', 6), address('red/web1', 6), `,nd_sll=${mac('red/web2')}`)],
    ['a false source', () => solicit('fd00:0:0:1::1', address('red/web2', 6), own())],
    ['a false link-local source', () => solicit('fd00:0:0:1::1', linkLocal('red/web2'), own())],
    ['duplicate address detection', () => solicit(address('red/web1', 6), '::', '')],
    [
      'an advertisement',
      () =>
        icmp6(
          136,
          address('red/web1', 6),
          address('red/web2', 6),
          mac('red/web1'),
          `,nd_target=${address('red/web1', 6)},nd_tll=${mac('red/web1')}`,
        ),
    ],
    [
      'a false advertisement',
      () =>
        icmp6(136, address('red/web1', 6), address('red/web2', 6), mac('red/web1'), `,nd_target=fd00:0:0:1::1,nd_tll=${mac('red/web1')}`),
    ],
    ['a router advertisement', () => icmp6(134, address('red/web1', 6), 'ff02::1', mac('red/web1'))],
    [
      'a router advertisement to one',
      () =>
        udpTo('red/web1', 'red/web2', 6)
          .replace(/udp6/, 'icmp6')
          .replace(/udp_src.*/, 'icmpv6_type=134,icmpv6_code=0'),
    ],
    ['a router advertisement from a link-local address', () => icmp6(134, linkLocal('red/web1'), 'ff02::1', mac('red/web1'))],
    ['a redirect', () => icmp6(137, address('red/web1', 6), address('red/web2', 6), mac('red/web1'))],
  ])('%s goes nowhere', async (_, frame) => {
    expect((await send('red/web1', frame())).arrived).toEqual([]);
  });

  test.each([133, 134, 136, 137])('type %i goes to no neighbour’s MAC either', async (type) => {
    const ends = `dl_src=${mac('red/web1')},dl_dst=${mac('red/web2')},ipv6_src=${address('red/web1', 6)},ipv6_dst=${address('red/web2', 6)}`;
    const frame = (of: number): string => `icmp6,${ends},nw_ttl=255,icmpv6_type=${of},icmpv6_code=0`;
    expect((await send('red/web1', frame(type))).arrived).toEqual([]);
    expect((await send('red/web1', frame(128))).arrived).toEqual(['red/web2']);
  });

  test('nor in a network that replicates multicast', async () => {
    const frame = icmp6(134, address('red/chat1', 6), 'ff02::1', mac('red/chat1'));
    expect((await send('red/chat1', frame)).arrived).toEqual([]);
  });
});

describe('destinations that are not one interface', () => {
  test.each([
    ['a MAC that nobody has', () => udp(address('red/web1'), address('red/web2'), mac('red/web1'), '02:00:00:00:99:99')],
    ['the MAC of another than the address', () => udp(address('red/web1'), address('red/web3'), mac('red/web1'), mac('red/web2'))],
    ['an address that nobody has', () => udp(address('red/web1'), '10.0.1.99', mac('red/web1'), mac('red/web2'))],
    ['an address outside', () => udp(address('red/web1'), '198.51.100.7', mac('red/web1'), router(1001))],
    ['another network without its router', () => udpTo('red/web1', 'red/db1')],
    ['the router of another network', () => udp(address('red/web1'), address('red/db1'), mac('red/web1'), router(1002))],
    ['another tenant by its MAC', () => udp(address('red/web1'), address('blue/web2'), mac('red/web1'), mac('blue/web2'))],
    ['multicast', () => udp(address('red/web1'), '224.0.0.251', mac('red/web1'), '01:00:5e:00:00:fb')],
    ['broadcast', () => udp(address('red/web1'), '255.255.255.255', mac('red/web1'), 'ff:ff:ff:ff:ff:ff')],
    ['a neighbour’s address by broadcast', () => udp(address('red/web1'), address('red/web2'), mac('red/web1'), 'ff:ff:ff:ff:ff:ff')],
    ['IPv6 multicast', () => udp(address('red/web1', 6), 'ff02::fb', mac('red/web1'), '33:33:00:00:00:fb')],
    ['the gateway’s echo by a neighbour’s MAC', () => echo('red/web1', '10.0.1.1', mac('red/web2'))],
  ])('%s is dropped', async (_, frame) => {
    expect((await send('red/web1', frame())).arrived).toEqual([]);
  });
});

const echo = (from: string, to: string, ethDst: string): string =>
  `icmp,dl_src=${mac(from)},dl_dst=${ethDst},nw_src=${address(from)},nw_dst=${to},nw_ttl=64,icmp_type=8,icmp_code=0`;

describe('the gateway', () => {
  test('answers echo requests, its own and those of networks behind it', async () => {
    for (const gateway of ['10.0.1.1', '10.0.2.1']) {
      const { arrived, actions } = await send('red/web1', echo('red/web1', gateway, router(1001)));
      expect(arrived).toEqual(['red/web1']);
      expect(actions).toContain(`set(eth(src=${router(1001)},dst=${mac('red/web1')}))`);
      expect(actions).toContain(`set(ipv4(src=${gateway},dst=${address('red/web1')}))`);
      expect(actions).toMatch(/set\(icmp\(type=0/);
    }
  });

  test('answers nothing else, and not for tenants it does not route for', async () => {
    expect((await send('blue/web1', echo('blue/web1', '10.0.2.1', router(1005)))).arrived).toEqual([]);
    expect((await send('red/web1', udp(address('red/web1'), '10.0.1.1', mac('red/web1'), router(1001)))).arrived).toEqual([]);
  });

  test('lets a packet of one hop go no further, and a neighbour’s pass', async () => {
    const oneHop = (frame: string): string => frame.replace('nw_ttl=64', 'nw_ttl=1');
    expect((await send('red/web1', oneHop(routed('red/web1', 'red/db1', 1001)))).arrived).toEqual([]);
    expect((await send('red/web1', oneHop(udpTo('red/web1', 'red/web2')))).arrived).toEqual(['red/web2']);
  });
});

describe('multicast of a network that wants it', () => {
  const groups: readonly [string, (from: string) => string][] = [
    ['IPv4', (from) => udp(address(from), '224.0.0.251', mac(from), '01:00:5e:00:00:fb')],
    ['broadcast', (from) => udp(address(from), '255.255.255.255', mac(from), 'ff:ff:ff:ff:ff:ff')],
    ['IPv6', (from) => udp(address(from, 6), 'ff02::fb', mac(from), '33:33:00:00:00:fb')],
  ];
  test.each(groups)('%s goes to every member here and to each other host once', async (_, frame) => {
    const { arrived } = await send('red/chat1', frame('red/chat1'));
    expect(arrived).toEqual(['red/chat2', '172.16.0.2 1003', '172.16.0.3 1003']);
  });
  test.each(groups)('%s goes from a tunnel to members here and into no tunnel', async (_, frame) => {
    expect(await receive('172.16.0.2', 1003, frame('red/chat3'))).toEqual(['red/chat1', 'red/chat2']);
  });
});

describe('members of a private network', () => {
  test('do not reach each other', async () => {
    for (const to of ['red/cell2', 'red/cell3']) {
      expect((await send('red/cell1', udpTo('red/cell1', to))).arrived).toEqual([]);
      expect((await send('red/cell1', routed('red/cell1', to, 1004))).arrived).toEqual([]);
    }
    const group = udp(address('red/cell1'), '224.0.0.251', mac('red/cell1'), '01:00:5e:00:00:fb');
    expect((await send('red/cell1', group)).arrived).toEqual([]);
  });

  test('reach the gateway and what is behind it, and are reached', async () => {
    expect((await send('red/cell1', echo('red/cell1', '10.0.4.1', router(1004)))).arrived).toEqual(['red/cell1']);
    expect((await send('red/cell1', routed('red/cell1', 'red/db1', 1004))).arrived).toEqual(['red/db1']);
    expect((await send('red/db1', routed('red/db1', 'red/cell1', 1002))).arrived).toEqual(['red/cell1']);
  });
});

describe('from a tunnel nothing is taken', () => {
  test.each([
    ['of an address that is no host’s', '172.16.9.9', 1001, () => udpTo('red/web3', 'red/web1')],
    ['for a network that is not here', '172.16.0.2', 4242, () => udpTo('red/web3', 'red/web1')],
    ['for an interface of another network', '172.16.0.2', 1002, () => udpTo('red/web3', 'red/web1')],
    ['for an interface of another host', '172.16.0.2', 1001, () => udpTo('red/web1', 'red/web3')],
    ['from a sender that nobody is', '172.16.0.2', 1001, () => udp('10.0.1.99', address('red/web1'), mac('red/web3'), mac('red/web1'))],
    ['of another ethertype', '172.16.0.2', 1001, () => `dl_type=0x88cc,dl_src=${mac('red/web3')},dl_dst=${mac('red/web1')}`],
    [
      'that is ARP',
      '172.16.0.2',
      1001,
      () => arp(`arp_op=2,arp_spa=10.0.1.1,arp_sha=${mac('red/web3')},arp_tpa=${address('red/web1')}`, mac('red/web3'), mac('red/web1')),
    ],
  ])('%s', async (_, encap, vni, frame) => {
    expect(await receive(encap, vni, frame())).toEqual([]);
  });
});
