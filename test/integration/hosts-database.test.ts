import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { execute } from '../../src/lab/command.ts';
import { startLab } from '../../src/lab/index.ts';
import type { Lab } from '../../src/lab/index.ts';
import { RunningWeir } from '../support/running-weir.ts';
import { until } from '../support/weir-client.ts';
import type { HostAnswer } from '../support/weir-client.ts';

/** What the program does to a hypervisor's database: what it needs, once, and to its own rows only. */

const directory = mkdtempSync(join(tmpdir(), 'weir-database-'));
let lab: Lab;
let weir: RunningWeir;

beforeAll(async () => {
  lab = await startLab({ hosts: 3, directory, managers: [] });
  weir = await RunningWeir.start();
});

afterAll(async () => {
  await lab.close();
  await weir.stop();
  rmSync(directory, { recursive: true, force: true });
});

const enrol = (host: string): Promise<void> => lab.host(host).join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`]);
const connected = (host: string): Promise<HostAnswer> =>
  until(async () => {
    const status = await weir.host(host);
    return status?.connected ? status : undefined;
  });

interface HostDocument {
  readonly spec: { readonly encapIp?: string; readonly schedulable: boolean };
  readonly status: { readonly warnings: readonly string[]; readonly connected: boolean; readonly encapIpSource?: string };
}
const document = (host: string): Promise<HostDocument> => weir.must<HostDocument>('GET', `/v1/hosts/${host}`);
const warnings = async (host: string): Promise<string> => (await document(host)).status.warnings.join('\n');
const get = async (host: string, table: string, row: string, column: string): Promise<string> =>
  (await lab.vsctl(host, ['get', table, row, column])).trim();

/** Until it is known: what is altered in the same transaction is put right. */
async function sayEncapIp(host: string, address: string): Promise<void> {
  const said = ['set', 'Open_vSwitch', '.', `external_ids:weir-encap-ip=${address}`];
  await lab.vsctl(host, [...said, '--', 'set', 'Bridge', 'br-int', 'fail_mode=standalone']);
  await until(async () => (await get(host, 'Bridge', 'br-int', 'fail_mode')) === 'secure');
}

/** Columns that vswitchd writes as the world goes by, and those of the bookkeeping between it and its database. */
const volatile = new Set(
  'statistics status link_state link_resets link_speed lacp_current cfm_flap_count admin_state mac_in_use ifindex duplex mtu cur_cfg next_cfg is_connected role rstp_status rstp_statistics system_version'.split(
    ' ',
  ),
);

type Database = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** All rows of all tables by UUID, every column as text. */
async function dump(host: string): Promise<Database> {
  const { stdout } = await execute(['ovsdb-client', '-f', 'json', 'dump', `unix:${lab.host(host).ovsdbSocket}`, 'Open_vSwitch']);
  const rows = new Map<string, Record<string, string>>();
  for (const line of stdout.trim().split('\n')) {
    const { caption, headings, data } = JSON.parse(line) as { caption: string; headings: string[]; data: unknown[][] };
    for (const row of data) {
      const columns = headings.map((heading, index) => [heading, JSON.stringify(row[index])] as const);
      const kept = columns.filter(([name]) => !name.startsWith('_') && !volatile.has(name));
      rows.set(String(row[headings.indexOf('_uuid')]), { table: caption.split(' ')[0] ?? '', ...Object.fromEntries(kept) });
    }
  }
  return rows;
}

/** Which columns of rows that were there are different, which rows are gone, and which are new. */
function differences(before: Database, after: Database): { readonly changed: string[]; readonly gone: string[]; readonly made: string[] } {
  const nameOf = (row: Readonly<Record<string, string>>): string => `${row['table']} ${row['name'] ?? row['target'] ?? ''}`.trim();
  const changed: string[] = [];
  const gone: string[] = [];
  for (const [uuid, row] of before) {
    const now = after.get(uuid);
    if (!now) gone.push(nameOf(row));
    else for (const column of Object.keys(row)) if (row[column] !== now[column]) changed.push(`${nameOf(row)} ${column}`);
  }
  const made = [...after].filter(([uuid]) => !before.has(uuid)).map(([, row]) => nameOf(row));
  return { changed: changed.toSorted(), gone, made: made.toSorted() };
}

describe('a database full of what a user made', () => {
  test('an integration bridge that stands is adopted; everything else stays as it was', async () => {
    const made = `
      set Open_vSwitch . external_ids:rack=r7 external_ids:hostname=big other_config:n-handler-threads=1
      add-br br-user
      set Bridge br-user datapath_type=netdev external_ids:owner=me other_config:hwaddr="02:11:22:33:44:55" fail_mode=standalone
      set-controller br-user tcp:192.0.2.1:6653
      add-port br-user u1 tag=7 -- set Interface u1 type=internal external_ids:iface-id=not-ours
      add-port br-user uvx -- set Interface uvx type=vxlan options:remote_ip=192.0.2.9 options:dst_port=4790
      set Port u1 qos=@q
      --id=@q create QoS type=linux-htb queues:0=@u external_ids:mine=yes
      --id=@u create Queue other_config:max-rate=1000000 external_ids:mine=yes
      --id=@p get Port u1
      --id=@m create Mirror name=watch select-dst-port=@p output-vlan=99
      set Bridge br-user mirrors=@m
      add-br br-int
      set Bridge br-int datapath_type=netdev external_ids:made-by=neutron other_config:mac-table-size=5000 fail_mode=standalone
      set Bridge br-int protocols=OpenFlow10
      add-port br-int tap0 tag=12 -- set Interface tap0 type=internal external_ids:attached-mac="02:00:00:00:00:77"`;
    const commands = made.trim().split(/\n\s*/);
    await lab.vsctl(
      'hv1',
      commands.flatMap((command) => ['--', ...command.split(' ')]),
    );
    const before = await dump('hv1');
    await enrol('hv1');
    await connected('hv1');
    await until(async () => (await get('hv1', 'Bridge', 'br-int', 'other_config')).includes('datapath-id'));
    const after = await dump('hv1');
    expect(differences(before, after)).toEqual({
      changed: [
        'Bridge br-int controller',
        'Bridge br-int external_ids',
        'Bridge br-int fail_mode',
        'Bridge br-int other_config',
        'Bridge br-int ports',
        'Bridge br-int protocols',
        'Open_vSwitch external_ids',
        'Open_vSwitch manager_options',
      ].map(quoted),
      gone: [],
      made: [
        `Controller "tcp:${lab.gatewayAddress}:${weir.openflowPort}"`,
        'Interface "weir-vxlan"',
        `Manager "tcp:${lab.gatewayAddress}:${weir.ovsdbPort}"`,
        'Port "weir-vxlan"',
      ],
    });
    expect(await get('hv1', 'Open_vSwitch', '.', 'external_ids:rack')).toBe('r7');
    expect(await get('hv1', 'Bridge', 'br-int', 'external_ids')).toBe('{made-by=neutron, weir-adopted="true"}');
    expect(await get('hv1', 'Bridge', 'br-int', 'other_config')).toMatch(/mac-table-size="5000"/);
    expect(await get('hv1', 'Bridge', 'br-int', 'protocols')).toBe('[OpenFlow10, OpenFlow13, OpenFlow14, OpenFlow15]');
    expect((await lab.vsctl('hv1', ['list-ports', 'br-int'])).split('\n')).toContain('tap0');
  });

  test('a restart of the program changes nothing but the epoch', async () => {
    const before = await dump('hv1');
    const { length } = weir.events('resynced', 'hv1');
    await weir.pause();
    await weir.resume();
    expect(await until(() => weir.events('resynced', 'hv1').at(length))).toMatchObject({ flowsSent: 0 });
    expect(differences(before, await dump('hv1'))).toEqual({ changed: ['Open_vSwitch external_ids'].map(quoted), gone: [], made: [] });
  });
});

/** Names stand in quotes, as JSON. */
const quoted = (line: string): string => line.replace(/^Bridge (\S+)/, 'Bridge "$1"');

test('the manager that a user made is hurried, unless the user said how slow it is', async () => {
  const backoff = (): Promise<string> => get('hv2', 'Manager', `tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`, 'max_backoff');
  await enrol('hv2');
  await until(async () => (await backoff()) === '1000');
  await lab.vsctl('hv2', ['set', 'Manager', `tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`, 'max_backoff=4000']);
  await connected('hv2');
  expect(await backoff()).toBe('4000');
});

describe('what somebody alters', () => {
  const alterations: readonly (readonly [string, readonly string[], (host: string) => Promise<boolean>])[] = [
    [
      'the fail mode',
      ['set', 'Bridge', 'br-int', 'fail_mode=standalone'],
      async (host) => (await get(host, 'Bridge', 'br-int', 'fail_mode')) === 'secure',
    ],
    [
      'the protocols',
      ['remove', 'Bridge', 'br-int', 'protocols', 'OpenFlow15,OpenFlow14'],
      async (host) => (await get(host, 'Bridge', 'br-int', 'protocols')).includes('OpenFlow15'),
    ],
    [
      'in-band flows',
      ['remove', 'Bridge', 'br-int', 'other_config', 'disable-in-band'],
      async (host) => (await get(host, 'Bridge', 'br-int', 'other_config')).includes('disable-in-band="true"'),
    ],
    ['the controller', ['del-controller', 'br-int'], async (host) => (await lab.vsctl(host, ['get-controller', 'br-int'])) !== ''],
    [
      "the controller's settings",
      ['set', 'Controller', 'br-int', 'max_backoff=60000'],
      async (host) => (await get(host, 'Controller', 'br-int', 'max_backoff')) === '1000',
    ],
    [
      "the tunnel's options",
      ['set', 'Interface', 'weir-vxlan', 'options:key=5', 'options:remote_ip=192.0.2.1'],
      async (host) => (await get(host, 'Interface', 'weir-vxlan', 'options')).includes('key=flow'),
    ],
    [
      'the tunnel port',
      ['del-port', 'weir-vxlan'],
      async (host) => (await lab.vsctl(host, ['list-ports', 'br-int'])).includes('weir-vxlan'),
    ],
  ];

  test.each(alterations)('%s: put right at once', async (_, command, isRight) => {
    await enrol('hv2');
    await connected('hv2');
    const bridge = await get('hv2', 'Bridge', 'br-int', '_uuid');
    await lab.vsctl('hv2', command);
    await until(() => isRight('hv2'));
    expect(await get('hv2', 'Bridge', 'br-int', '_uuid')).toBe(bridge);
    await until(async () => (await connected('hv2')).warnings.length === 0);
  });

  test('the bridge itself: made again, with all of its flows', async () => {
    const bridge = await get('hv2', 'Bridge', 'br-int', '_uuid');
    await lab.vsctl('hv2', ['del-br', 'br-int']);
    await until(async () => (await lab.vsctl('hv2', ['list-br'])).includes('br-int'));
    expect(await get('hv2', 'Bridge', 'br-int', '_uuid')).not.toBe(bridge);
    // It is in the database before it is a bridge that can be asked.
    const dumped = (): Promise<string> => lab.ofctl('hv2', ['-O', 'OpenFlow15', '--names', 'dump-flows', 'br-int']).catch(() => '');
    await until(async () => {
      const { flows } = await connected('hv2');
      const text = await dumped();
      return text.includes('weir-vxlan') && text.match(/cookie=/g)?.length === flows;
    });
    await until(async () => (await get('hv2', 'Bridge', 'br-int', 'other_config')).includes('datapath-id'));
  });

  test('the name of the host: it comes back under the new one', async () => {
    await lab.vsctl('hv2', ['set', 'Open_vSwitch', '.', 'external_ids:system-id=hv2-new', 'external_ids:weir-encap-ip=198.51.100.2']);
    await connected('hv2-new');
    expect(await weir.host('hv2')).toMatchObject({ connected: false, ovsdb: false });
    expect(weir.events('ovsdb-refused', 'hv2').at(-1)).toMatchObject({ reason: 'its system-id is hv2-new now' });
    await lab.vsctl('hv2', [
      'set',
      'Open_vSwitch',
      '.',
      'external_ids:system-id=hv2',
      `external_ids:weir-encap-ip="${lab.host('hv2').encapIp}"`,
    ]);
    await connected('hv2');
    expect((await weir.call('DELETE', '/v1/hosts/hv2-new')).status).toBe(200);
    expect(await weir.host('hv2-new')).toBeUndefined();
  });
});

describe('who a host is', () => {
  test('a switch without a name is taken in as soon as it has one', async () => {
    await lab.vsctl('hv3', ['remove', 'Open_vSwitch', '.', 'external_ids', 'system-id']);
    await enrol('hv3');
    const told = await until(() => weir.events('switch-refused').find(({ reason }) => String(reason).includes('system-id is missing')));
    expect(told['address']).toBe(lab.plan.hosts[2]?.managementAddress);
    expect(await weir.host('hv3')).toBeUndefined();
    await lab.vsctl('hv3', ['set', 'Open_vSwitch', '.', 'external_ids:system-id=hv3']);
    await connected('hv3');
    expect(await document('hv3')).toMatchObject({
      spec: { encapIp: lab.host('hv3').encapIp, schedulable: true },
      status: { warnings: [] },
    });
    await lab.vsctl('hv3', ['remove', 'Open_vSwitch', '.', 'external_ids', 'system-id']);
    await until(async () => (await warnings('hv3')).includes('external_ids:system-id is missing'));
    await lab.vsctl('hv3', ['set', 'Open_vSwitch', '.', 'external_ids:system-id=hv3']);
    await until(async () => (await warnings('hv3')) === '');
  });

  test("a name that cannot be a host's is refused", async () => {
    await lab.vsctl('hv3', ['set', 'Open_vSwitch', '.', 'external_ids:system-id=Not.A.Label']);
    await until(() => weir.events('switch-refused', 'Not.A.Label').at(0));
    expect(await weir.host('Not.A.Label')).toBeUndefined();
    await lab.vsctl('hv3', ['set', 'Open_vSwitch', '.', 'external_ids:system-id=hv3']);
    await connected('hv3');
  });

  test("without a tunnel address the peer's is taken, with a warning, and an address that is none is named", async () => {
    const { managementAddress = '' } = lab.plan.hosts[2] ?? {};
    await lab.vsctl('hv3', ['remove', 'Open_vSwitch', '.', 'external_ids', 'weir-encap-ip']);
    await until(async () => (await document('hv3')).spec.encapIp === managementAddress);
    expect(await warnings('hv3')).toBe(
      `external_ids:weir-encap-ip is missing: ${managementAddress}, where the connection comes from, is taken as the tunnel address`,
    );
    await lab.vsctl('hv3', ['set', 'Open_vSwitch', '.', 'external_ids:weir-encap-ip=nowhere']);
    await until(async () => (await warnings('hv3')).includes('weir-encap-ip is no IP address'));
    await lab.vsctl('hv3', ['set', 'Open_vSwitch', '.', `external_ids:weir-encap-ip="${lab.host('hv3').encapIp}"`]);
    await until(async () => (await document('hv3')).spec.encapIp === lab.host('hv3').encapIp);
    expect(await warnings('hv3')).toBe('');
  });

  test('a tunnel address that another host has is refused with the reason, and taken when it is free', async () => {
    const wanted = lab.host('hv2').encapIp;
    await connected('hv2');
    await lab.vsctl('hv3', ['set', 'Open_vSwitch', '.', `external_ids:weir-encap-ip="${wanted}"`]);
    await until(async () => (await warnings('hv3')).includes(wanted));
    expect(await warnings('hv3')).toMatch(/its tunnel address .* is not taken: .*tunnel address of host hv2/);
    expect((await document('hv3')).spec.encapIp).toBe(lab.host('hv3').encapIp);
    expect(weir.events('host-not-registered', 'hv3').at(-1)).toMatchObject({ level: 'error' });
    await lab.vsctl('hv2', ['set', 'Open_vSwitch', '.', 'external_ids:weir-encap-ip=198.51.100.7']);
    await until(async () => (await document('hv3')).spec.encapIp === wanted);
    await until(async () => (await warnings('hv3')) === '');
    await lab.vsctl('hv3', ['set', 'Open_vSwitch', '.', `external_ids:weir-encap-ip="${lab.host('hv3').encapIp}"`]);
    await until(async () => (await document('hv3')).spec.encapIp === lab.host('hv3').encapIp);
  });

  test('a tunnel address that a user sets wins, and what the switch says counts again when it is released', async () => {
    const put = (spec: object): Promise<HostDocument> =>
      weir.must('PUT', '/v1/hosts/hv3', { kind: 'Host', metadata: { name: 'hv3' }, spec });
    const localIp = (): Promise<string> => get('hv3', 'Interface', 'weir-vxlan', 'options:local_ip');
    await until(async () => (await localIp()) === `"${lab.host('hv3').encapIp}"`);
    await put({ encapIp: '198.51.100.3' });
    await until(async () => (await localIp()) === '"198.51.100.3"');
    await sayEncapIp('hv3', '198.51.100.4');
    expect((await document('hv3')).spec.encapIp).toBe('198.51.100.3');
    expect(await localIp()).toBe('"198.51.100.3"');
    await put({ encapIp: null });
    await until(async () => (await localIp()) === '"198.51.100.4"');
    await until(async () => (await document('hv3')).spec.encapIp === '198.51.100.4');
  });

  test('a host that is deleted stays so until it is put or connects again, and that is told', async () => {
    const remove = (): Promise<{ results: readonly object[] }> => weir.must('DELETE', '/v1/hosts/hv3');
    const told = { name: 'hv3', action: 'deleted', warning: expect.stringMatching(/^hv3 is connected: .*del-manager/) };
    expect((await remove()).results).toEqual([expect.objectContaining(told)]);
    const isTold = async (): Promise<boolean> =>
      (await weir.host('hv3'))?.warnings.some((warning) => warning.includes('its document was deleted')) ?? false;
    await until(isTold);
    await weir.must('PUT', '/v1/hosts/hv3', { kind: 'Host', metadata: { name: 'hv3' }, spec: {} });
    await until(async () => (await document('hv3')).spec.encapIp === '198.51.100.4');
    await until(async () => (await warnings('hv3')) === '');
    await remove();
    await until(isTold);
    await sayEncapIp('hv3', '198.51.100.5');
    expect((await weir.call('GET', '/v1/hosts/hv3')).status).toBe(404);
    await lab.vsctl('hv3', ['del-manager']);
    await until(async () => (await weir.host('hv3')) === undefined);
    await enrol('hv3');
    await until(async () => (await weir.call('GET', '/v1/hosts/hv3')).status === 200);
    expect((await document('hv3')).spec.encapIp).toBe('198.51.100.5');
  });
});

describe('who owns a host', () => {
  test('a newer controller is told of, and left alone; a host that it gave up is taken again', async () => {
    await connected('hv2');
    await lab.vsctl('hv2', ['set', 'Open_vSwitch', '.', 'external_ids:weir-epoch=9000000000']);
    await until(async () => (await warnings('hv2')).startsWith('a newer controller (epoch 9000000000) owns this switch'));
    await lab.vsctl('hv2', ['set', 'Bridge', 'br-int', 'fail_mode=standalone']);
    await until(async () => (await get('hv2', 'Open_vSwitch', '.', 'cur_cfg')) === (await get('hv2', 'Open_vSwitch', '.', 'next_cfg')));
    expect(await get('hv2', 'Bridge', 'br-int', 'fail_mode')).toBe('standalone');
    expect(weir.events('ovsdb-refused', 'hv2').at(-1)).toMatchObject({ level: 'error' });
    await lab.vsctl('hv2', ['remove', 'Open_vSwitch', '.', 'external_ids', 'weir-epoch']);
    await until(async () => (await get('hv2', 'Bridge', 'br-int', 'fail_mode')) === 'secure');
    await until(async () => (await warnings('hv2')) === '');
  });

  test('a controller whose store was lost has its hosts again', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const fresh = await RunningWeir.start();
    await lab.host('hv2').join([`tcp:${lab.gatewayAddress}:${fresh.ovsdbPort}`]);
    await until(async () => (await fresh.host('hv2'))?.connected);
    expect(await until(() => fresh.events('resynced', 'hv2').at(0))).toMatchObject({ flowsSent: 0 });
    await fresh.stop();
  });
});
