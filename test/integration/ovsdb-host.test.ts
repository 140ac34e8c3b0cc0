import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { dialOvsdb } from '../../flows/io/ovsdb.ts';
import type { OvsdbConnection, OvsdbDialer } from '../../flows/io/ovsdb.ts';
import { configured, hostFacts, hostTransaction, raiseEpoch, TransactionBuilder, tunnelPortName } from '../../flows/ovsdb/index.ts';
import type { HostFacts, HostSettings, Row, TransactResult } from '../../flows/ovsdb/index.ts';
import { eventually, OvsdbSwitch } from './ovsdb-switch.ts';

const netns = `wovs${process.pid % 100000}`;
const settings: HostSettings = { epoch: 1, bridge: 'br-int', controllers: ['tcp:127.0.0.1:6653', 'tcp:127.0.0.2:6653'] };

let server: OvsdbSwitch;
let dialer: OvsdbDialer;
let connections: OvsdbConnection[];

async function start(options: { readonly bare?: boolean } = {}): Promise<void> {
  server = await OvsdbSwitch.start(options);
  connections = [];
  dialer = dialOvsdb({ kind: 'unix', path: server.socketPath }, { onConnection: (made) => connections.push(made), onEnd: () => undefined });
  await eventually(() => connection());
  if (options.bare) return;
  await server.vsctl('set', 'Open_vSwitch', '.', 'external_ids:system-id=host-1');
  await eventually(() => connection().replica.root?.external_ids.has('system-id'));
}

async function stop(): Promise<void> {
  dialer.close();
  await server.stop();
}

const connection = (): OvsdbConnection => connections.at(-1) as OvsdbConnection;

async function own(epoch = 1): Promise<void> {
  const step = raiseEpoch(connection().replica, epoch);
  if (step?.kind !== 'raise') throw new Error('another epoch stands');
  expect(await connection().transact(step.operations)).toMatchObject({ kind: 'committed' });
}

/** Somebody else's change, which the replica has when this returns: whatever the server was told before, it tells before it answers us. */
async function vsctl(...parameters: string[]): Promise<void> {
  await server.vsctl(...parameters);
  await connection().transact(new TransactionBuilder(0).build());
}

/** Sends one transaction when one is needed. */
async function once(with_: Partial<HostSettings> = {}): Promise<TransactResult | undefined> {
  const operations = hostTransaction(connection().replica, { ...settings, ...with_ });
  return operations && connection().transact(operations);
}

/** What the controller does: until nothing is left to change and vswitchd has carried it out. Returns the number of transactions. */
async function settle(with_: Partial<HostSettings> = {}): Promise<number> {
  for (let count = 0; count < 10; count++) {
    const result = await once(with_);
    if (!result) return count;
    if (result.kind !== 'committed' || result.nextCfg === undefined) throw new Error(JSON.stringify(result));
    expect(await connection().configured(result.nextCfg, 60_000)).toBe(true);
  }
  throw new Error('it does not settle');
}

const facts = (): HostFacts => hostFacts(connection().replica, { bridge: settings.bridge, peerAddress: '192.0.2.9' }) as HostFacts;
const bridge = (name = 'br-int'): Row<'Bridge'> => connection().replica.find('Bridge', (row) => row.name === name) as Row<'Bridge'>;
const named = <T extends 'Port' | 'Interface'>(table: T, name: string): Row<T> =>
  connection().replica.find(table, (row) => (row as { name: string }).name === name) as Row<T>;
const ip = (...parameters: string[]): void => void execFileSync('ip', parameters);

test('a database without a root row has nothing to say and nothing to write', async () => {
  await start({ bare: true });
  const { replica } = connection();
  expect([hostFacts(replica, settings), hostTransaction(replica, settings), raiseEpoch(replica, 1)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  await stop();
});

describe('without vswitchd', () => {
  beforeEach(() => start());
  afterEach(stop);

  test('a new bridge is asked for once, and waits for vswitchd before it is judged', async () => {
    await own();
    expect(await once()).toMatchObject({ kind: 'committed', nextCfg: 1 });
    expect(await once()).toBeUndefined();
    expect(bridge()).toMatchObject({
      fail_mode: 'secure',
      protocols: ['OpenFlow10', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'],
      datapath_type: 'system',
      other_config: new Map([['disable-in-band', 'true']]),
      external_ids: new Map([
        ['weir-datapath-probe', '1'],
        ['weir-owned', 'true'],
      ]),
    });
    const controllers = bridge().controller.map((uuid) => connection().replica.row('Controller', uuid));
    expect(new Set(controllers.map((row) => row?.target))).toEqual(new Set(settings.controllers));
    for (const row of controllers)
      expect(row).toMatchObject({
        connection_mode: 'out-of-band',
        max_backoff: 1000,
        inactivity_probe: 30000,
        controller_rate_limit: 1000,
        controller_burst_limit: 250,
        external_ids: new Map([['weir-owned', 'true']]),
      });
    expect(facts()).toMatchObject({
      systemId: 'host-1',
      bridgeOwnership: 'owned',
      datapathType: 'system',
      nextCfg: 1,
      curCfg: 0,
      epoch: 1,
    });
    expect(configured(connection().replica, 1)).toBe(false);
  });

  test('the type of the datapath: as asked, as beside, as built', async () => {
    await own();
    const type = async (): Promise<string> => {
      expect(await once()).toMatchObject({ kind: 'committed' });
      const chosen = bridge().datapath_type;
      await server.vsctl('del-br', 'br-int');
      await eventually(() => !bridge());
      return chosen;
    };
    await vsctl('set', 'Open_vSwitch', '.', 'datapath_types=netdev');
    expect(await type()).toBe('netdev');
    await vsctl('set', 'Open_vSwitch', '.', 'datapath_types=netdev,system');
    expect(await type()).toBe('system');
    await vsctl('add-br', 'br-ex', '--', 'set', 'Bridge', 'br-ex', 'datapath_type=netdev', 'datapath_id="0000000000000001"');
    expect(await type()).toBe('netdev');
    await vsctl('set', 'Open_vSwitch', '.', 'external_ids:weir-datapath-type=system');
    expect(await type()).toBe('system');
  });

  test('a datapath that was seen to work is never changed, whatever is forgotten', async () => {
    await own();
    await once();
    await server.vsctl('set', 'Bridge', 'br-int', 'datapath_id="00000000000000aa"', '--', 'set', 'Open_vSwitch', '.', 'cur_cfg=1');
    await eventually(() => bridge().datapath_id);
    expect(await once()).toMatchObject({ kind: 'committed' });
    const known = connections.length;
    await server.stopServer();
    await server.startServer();
    await eventually(() => connections.length > known);
    await server.vsctl('set', 'Open_vSwitch', '.', 'cur_cfg=9');
    await eventually(() => facts().curCfg === 9);
    expect(bridge().datapath_id).toBeUndefined();
    expect(await once()).toBeUndefined();
    expect(bridge().datapath_type).toBe('system');
  });

  test('a lost race is refused, and right the next time', async () => {
    await own();
    const stale = hostTransaction(connection().replica, settings);
    await server.vsctl('add-br', 'br-int');
    expect(stale && (await connection().transact(stale))).toMatchObject({ kind: 'refused', code: 'guard-failed' });
    expect(await once()).toMatchObject({ kind: 'committed' });
    expect(bridge().external_ids.get('weir-adopted')).toBe('true');
  });

  test('a stale owner changes nothing', async () => {
    await own(5);
    expect(await once()).toMatchObject({ kind: 'refused', code: 'fenced' });
    expect(bridge()).toBeUndefined();
  });

  test('the tunnel address: set, stated, or guessed', async () => {
    await own();
    await once({ peerAddress: '2001:db8::7' });
    expect(named('Interface', tunnelPortName).options).toEqual(
      new Map(Object.entries({ csum: 'true', dst_port: '4789', key: 'flow', remote_ip: 'flow', tos: 'inherit' })),
    );
    expect(facts()).toMatchObject({
      encapIp: '192.0.2.9',
      encapIpSource: 'peer',
      problems: [{ kind: 'encap-ip-guessed', encapIp: '192.0.2.9' }],
    });
    await server.vsctl('set', 'Open_vSwitch', '.', 'external_ids:ovn-encap-ip="10.0.0.1,10.0.0.2"');
    await eventually(() => facts().encapIpSource === 'ovn-encap-ip');
    expect(facts()).toMatchObject({ encapIp: '10.0.0.1', problems: [] });
    await once();
    expect(named('Interface', tunnelPortName).options.get('local_ip')).toBe('10.0.0.1');
    await server.vsctl('set', 'Open_vSwitch', '.', 'external_ids:weir-encap-ip=10.0.0.300');
    await eventually(() => facts().problems.length > 0);
    expect(facts()).toMatchObject({ encapIp: '10.0.0.1', problems: [{ kind: 'encap-ip-malformed', source: 'weir-encap-ip' }] });
    await server.vsctl('set', 'Open_vSwitch', '.', 'external_ids:weir-encap-ip=10.0.0.3');
    await eventually(() => facts().encapIpSource === 'weir-encap-ip');
    await once({ encapIp: '10.9.9.9' });
    expect(named('Interface', tunnelPortName).options.get('local_ip')).toBe('10.9.9.9');
  });
});

describe('an existing bridge is adopted', () => {
  beforeEach(() => start());
  afterEach(stop);

  test('and only what Weir needs of it is written', async () => {
    await server.vsctl(
      'add-br',
      'br-int',
      '--',
      'set',
      'Bridge',
      'br-int',
      'datapath_type=netdev',
      'protocols=OpenFlow10,OpenFlow13',
      'other_config:mac-aging-time=60',
      'external_ids:user=1',
      'stp_enable=true',
    );
    await server.vsctl(
      'set-controller',
      'br-int',
      'tcp:10.1.1.1:6633',
      'tcp:127.0.0.1:6653',
      '--',
      'add-port',
      'br-int',
      'user0',
      '--',
      'set',
      'Interface',
      'user0',
      'external_ids:a=b',
    );
    await server.vsctl(
      'add-br',
      'br-ex',
      '--',
      'add-port',
      'br-ex',
      'user1',
      '--',
      'set',
      'Port',
      'user1',
      'qos=@q',
      '--',
      '--id=@q',
      'create',
      'QoS',
      'type=linux-htb',
    );
    await eventually(() => connection().replica.rows('QoS').size === 1);
    const replica = connection().replica;
    const before = {
      ports: bridge().ports,
      other: bridge('br-ex'),
      user: named('Interface', 'user0'),
      qos: [...replica.rows('QoS').values()],
    };
    const foreign = replica.find('Controller', ({ target }) => target === 'tcp:10.1.1.1:6633');
    await own();
    expect(await once()).toMatchObject({ kind: 'committed' });
    expect(await once()).toBeUndefined();
    expect(bridge()).toMatchObject({
      datapath_type: 'netdev',
      fail_mode: 'secure',
      protocols: ['OpenFlow10', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'],
      other_config: new Map([
        ['disable-in-band', 'true'],
        ['mac-aging-time', '60'],
      ]),
    });
    expect(Object.fromEntries(bridge().external_ids)).toEqual({ user: '1', 'weir-adopted': 'true', 'weir-datapath-probe': '1' });
    expect(bridge().ports).toEqual([...before.ports, named('Port', tunnelPortName).uuid].toSorted());
    expect(bridge('br-ex')).toEqual(before.other);
    expect(named('Interface', 'user0')).toEqual(before.user);
    expect([...replica.rows('QoS').values()]).toEqual(before.qos);
    expect(replica.row('Controller', foreign?.uuid)).toEqual(foreign);
    expect(replica.find('Controller', ({ target }) => target === 'tcp:127.0.0.1:6653')).toMatchObject({
      max_backoff: 1000,
      external_ids: new Map([['weir-adopted', 'true']]),
    });
    expect(bridge().controller).toHaveLength(3);
    expect(facts()).toMatchObject({
      bridgeOwnership: 'adopted',
      problems: [{ kind: 'encap-ip-guessed' }, { kind: 'foreign-controller', target: 'tcp:10.1.1.1:6633' }],
    });
    expect(await server.vsctl('get', 'Bridge', 'br-int', 'stp_enable')).toBe('true\n');
  });

  test('and goes on speaking every version when it spoke every version', async () => {
    await vsctl('add-br', 'br-int');
    await own();
    await once();
    expect(bridge().protocols).toEqual([10, 11, 12, 13, 14, 15].map((version) => `OpenFlow${version}`));
    expect(await once()).toBeUndefined();
  });

  test('a foreign port of the tunnel name is left alone and named', async () => {
    await server.vsctl('add-br', 'br-ex', '--', 'add-port', 'br-ex', tunnelPortName);
    await own();
    await eventually(() => named('Port', tunnelPortName));
    const before = named('Port', tunnelPortName);
    expect(await once()).toMatchObject({ kind: 'committed' });
    expect(await once()).toBeUndefined();
    expect(named('Port', tunnelPortName)).toEqual(before);
    expect(facts().problems).toContainEqual({ kind: 'tunnel-name-taken', port: tunnelPortName });
  });
});

describe('with vswitchd on a machine without the kernel datapath', () => {
  beforeAll(async () => {
    await start();
    await server.startVswitchd(netns);
    await own();
  });
  afterAll(stop);

  test('a new bridge ends up in userspace, works, and stays as it is', async () => {
    expect(await settle()).toBeLessThanOrEqual(3);
    expect(facts()).toMatchObject({
      datapathType: 'netdev',
      bridgeOwnership: 'owned',
      tunnelOfport: expect.any(Number) as number,
      interfaces: [],
    });
    expect(facts().datapathId).toMatch(/^[0-9a-f]{16}$/);
    expect(bridge().other_config.get('datapath-id')).toBe(facts().datapathId);
    expect(bridge().external_ids.has('weir-datapath-probe')).toBe(false);
    expect(facts().nextCfg).toBe(facts().curCfg);
    expect(await settle()).toBe(0);
  });

  test.each<[string, readonly string[]]>([
    ['fail mode', ['set', 'Bridge', 'br-int', 'fail_mode=standalone']],
    ['protocols', ['set', 'Bridge', 'br-int', 'protocols=OpenFlow10']],
    ['in-band', ['remove', 'Bridge', 'br-int', 'other_config', 'disable-in-band']],
    ['all of the configuration', ['clear', 'Bridge', 'br-int', 'other_config']],
    ['controllers', ['del-controller', 'br-int']],
    ['a probe', ['set', 'Controller', 'br-int', 'inactivity_probe=100']],
    ['the tunnel port', ['del-port', 'br-int', tunnelPortName]],
    ['the tunnel options', ['set', 'Interface', tunnelPortName, 'options:remote_ip=10.0.0.9', 'options:dst_port=99']],
    ['the tunnel type', ['set', 'Interface', tunnelPortName, 'type=geneve']],
    ['the tunnel tag', ['set', 'Port', tunnelPortName, 'tag=5']],
    ['the bridge', ['del-br', 'br-int']],
  ])('%s altered by somebody is put right', async (name, command) => {
    const shape = (): unknown => {
      const { uuid: _uuid, ...options } = { ...named('Interface', tunnelPortName) };
      const { fail_mode, protocols } = bridge();
      const controllers = bridge().controller.map((uuid) => connection().replica.row('Controller', uuid));
      const targets = controllers
        .map((row) => [row?.target, row?.inactivity_probe, row?.external_ids.get('weir-owned')].join(' '))
        .toSorted();
      return {
        fail_mode,
        protocols,
        inBand: bridge().other_config.get('disable-in-band'),
        tunnel: [options.type, ...options.options],
        tag: named('Port', tunnelPortName).tag,
        targets,
      };
    };
    const before = shape();
    const ofport = facts().tunnelOfport;
    if (name === 'a probe') {
      const [uuid = ''] = bridge().controller;
      await vsctl('set', 'Controller', uuid, ...command.slice(3));
    } else await vsctl(...command);
    expect(await settle()).toBeGreaterThan(0);
    expect(shape()).toEqual(before);
    expect(await settle()).toBe(0);
    await eventually(() => facts().tunnelOfport !== undefined);
    expect(name.startsWith('the ') || facts().tunnelOfport === ofport).toBe(true);
  });

  test('controllers follow the list, those of others stay', async () => {
    await server.vsctl(
      '--',
      '--id=@c',
      'create',
      'Controller',
      'target="tcp:10.7.7.7"',
      '--',
      'add',
      'Bridge',
      'br-int',
      'controller',
      '@c',
    );
    await eventually(() => bridge().controller.length === 3);
    await settle({ controllers: ['tcp:127.0.0.2:6653', 'tcp:127.0.0.3:6653'] });
    expect(
      facts()
        .controllers.map(({ target }) => target)
        .toSorted(),
    ).toEqual(['tcp:10.7.7.7', 'tcp:127.0.0.2:6653', 'tcp:127.0.0.3:6653']);
    expect(facts().problems).toContainEqual({ kind: 'foreign-controller', target: 'tcp:10.7.7.7' });
    await settle();
  });

  test('interfaces are seen by iface-id, with their numbers and states', async () => {
    ip('-n', netns, 'link', 'add', 'vm0', 'type', 'veth', 'peer', 'name', 'vm0g');
    ip('-n', netns, 'link', 'set', 'vm0', 'up');
    await server.vsctl(
      'add-port',
      'br-int',
      'vm0',
      '--',
      'set',
      'Interface',
      'vm0',
      'external_ids:iface-id=port-1',
      'external_ids:iface-id-ver=v2',
      'external_ids:attached-mac="52:54:00:00:00:01"',
    );
    await server.vsctl('add-port', 'br-int', 'absent0', '--', 'set', 'Interface', 'absent0', 'external_ids:iface-id=port-2');
    await eventually(() => facts().interfaces.find(({ name, error }) => name === 'absent0' && error !== undefined));
    const [absent, first] = facts().interfaces;
    expect(first).toMatchObject({
      ifaceId: 'port-1',
      ifaceIdVer: 'v2',
      name: 'vm0',
      ofport: expect.any(Number) as number,
      mac: 0x525400000001,
      linkState: 'down',
    });
    expect(absent).toMatchObject({ ifaceId: 'port-2', error: expect.stringContaining('absent0') as string });
    expect(absent?.ofport).toBeUndefined();
    ip('-n', netns, 'link', 'set', 'vm0g', 'up');
    await eventually(() => facts().interfaces[1]?.linkState === 'up');
    await server.vsctl('set', 'Interface', 'absent0', 'external_ids:iface-id=port-1');
    await eventually(() => facts().problems.find((problem) => problem.kind === 'iface-id-twice' && problem.names.join() === 'absent0,vm0'));
    await server.vsctl('del-port', 'br-int', 'absent0');
    await eventually(() => facts().interfaces.length === 1);
    expect(await settle()).toBe(0);
  });

  test('plugging ports of lower MAC does not change the datapath id', async () => {
    const { datapathId } = facts();
    ip('-n', netns, 'link', 'add', 'vm1', 'address', '00:00:00:00:00:01', 'type', 'veth', 'peer', 'name', 'vm1g');
    await server.vsctl('add-port', 'br-int', 'vm1', '--', 'set', 'Interface', 'vm1', 'external_ids:iface-id=port-9');
    await eventually(() => facts().interfaces.find(({ ifaceId }) => ifaceId === 'port-9')?.ofport);
    expect(facts().datapathId).toBe(datapathId);
  });

  test('over a restart of vswitchd everything keeps its number, and cur_cfg tells nothing', async () => {
    const { datapathId, tunnelOfport, interfaces, nextCfg } = facts();
    await server.stopVswitchd();
    expect(configured(connection().replica, nextCfg)).toBe(true);
    expect(await settle()).toBe(0);
    await server.startVswitchd(netns);
    await settle();
    await expect.poll(facts).toMatchObject({ datapathId, tunnelOfport, interfaces });
  });

  test('a restart of ovsdb-server, which forgets datapath ids, does not change the type', async () => {
    const known = connections.length;
    await server.stopVswitchd();
    await server.stopServer();
    await server.startServer();
    await eventually(() => connections.length > known);
    expect(facts().datapathId).toBeUndefined();
    expect(await settle()).toBe(0);
    expect(bridge().datapath_type).toBe('netdev');
    await server.startVswitchd(netns);
    await eventually(() => facts().datapathId);
    expect(await settle()).toBe(0);
  });

  test('an adopted bridge that never had a datapath gets one that works', async () => {
    await server.vsctl('del-br', 'br-int');
    await server.vsctl('add-br', 'br-int');
    await eventually(() => bridge() && !bridge().external_ids.has('weir-owned'));
    await settle();
    expect(facts()).toMatchObject({ datapathType: 'netdev', bridgeOwnership: 'adopted', tunnelOfport: expect.any(Number) as number });
    expect(facts().datapathId).toBeDefined();
  });
});
