import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectSuccess } from '../../src/lab/command.ts';
import { endProcesses, ping } from '../../src/lab/index.ts';
import type { Guest, Lab } from '../../src/lab/index.ts';
import { ProxiedCluster } from '../support/proxied-cluster.ts';
import { Standing } from '../support/standing.ts';
import { until } from '../support/weir-client.ts';
import type { WeirProcess } from '../support/weir-process.ts';

/** Whatever dies, and whenever: what is wanted comes to stand again, and what stands already is not sent again. */

const flowCount = async (lab: Lab, host: string): Promise<number> =>
  Number(/flow_count=(\d+)/.exec(await lab.ofctl(host, ['-O', 'OpenFlow15', 'dump-aggregate', 'br-int']))?.[1]);

describe('the controller', () => {
  const policiesEach = 200;
  let cluster: ProxiedCluster;
  let lab: Lab;
  let weir: WeirProcess;

  beforeAll(async () => {
    cluster = await ProxiedCluster.start(['a'], 1);
    lab = cluster.lab;
    weir = cluster.get('a');
  });

  afterAll(() => cluster?.close());

  const documentsOf = (tenant: string): object[] => [
    { kind: 'Tenant', metadata: { name: tenant }, spec: {} },
    { kind: 'Network', metadata: { name: 'net', tenant }, spec: { subnets: [{ cidr: '10.0.0.0/24' }] } },
    { kind: 'Group', metadata: { name: 'all', tenant }, spec: { selector: {} } },
    { kind: 'Vm', metadata: { name: 'vm', tenant }, spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'net' }] } },
  ];
  const policyOf = (tenant: string, index: number): object => ({
    kind: 'Policy',
    metadata: { name: `p${index}`, tenant },
    spec: {
      tier: 'tenant',
      order: index,
      appliesTo: ['all'],
      ingress: [
        {
          action: 'allow',
          from: [{ cidr: `192.0.${index}.0/24` }, { cidr: '198.51.100.0/24' }],
          services: [{ protocol: 'tcp', port: 1000 + index }, 'dns'],
        },
      ],
    },
  });
  const names = Array.from({ length: 10 }, (_, index) => `k${index}`);

  /** Lets so many bundles be committed, then nothing more through, and kills the program. With 0 it lives. */
  async function dieAfterCommits(commits: number): Promise<void> {
    if (commits === 0) return;
    await new Promise<void>((resolve) => {
      let passed = 0;
      const stop = cluster.proxy('a').meddle(cluster.addressOf('hv1'), {
        toSwitch: (message) => {
          if (passed === commits) return [];
          const isCommit = message.type === 'OFPT_BUNDLE_CONTROL' && message.body.type === 'OFPBCT_COMMIT_REQUEST';
          if (isCommit && ++passed === commits) void weir.end('SIGKILL').then(stop).then(resolve);
          return undefined;
        },
      });
    });
  }

  test('killed in the middle of 2,000 policies, again and again: all of it stands in the end', async () => {
    await weir.must('POST', '/v1/apply', names.flatMap(documentsOf));
    for (const name of names) await weir.must('POST', `/v1/tenants/${name}/vms/vm/start?timeoutMs=60000`, { host: 'hv1' });
    const without = await flowCount(lab, 'hv1');
    const policies = names.flatMap((name) => Array.from({ length: policiesEach }, (_, index) => policyOf(name, index)));
    let applied = dieAfterCommits(2);
    // Its answer dies with the program; what the switch began to get is durable all the same.
    weir.call('POST', '/v1/apply', policies).catch(() => undefined);
    const caught: number[] = [];
    for (const commits of [4, 3, 0]) {
      await applied;
      caught.push(await flowCount(lab, 'hv1'));
      applied = dieAfterCommits(commits);
      await weir.start();
    }
    const wanted = await until(async () => {
      const host = await weir.host('hv1');
      return host?.connected && host.flows > without && (await flowCount(lab, 'hv1')) === host.flows ? host.flows : 0;
    });
    console.log(`killed at ${caught.join(', ')} flows of ${wanted} (${without} without the policies)`);
    expect(wanted).toBeGreaterThan(without + names.length * policiesEach * 4);
    expect(caught).toEqual(caught.toSorted((a, b) => a - b));
    for (const count of caught) expect(count > without && count < wanted, `${count} of ${wanted}`).toBe(true);
  });

  test('killed while nothing changes: nothing is sent, and the counters of all flows go on', async () => {
    const passed = cluster.proxy('a').passed(cluster.addressOf('hv1'));
    const sent = passed.flowMods;
    await weir.end('SIGKILL');
    await weir.start();
    await until(async () => (await weir.host('hv1'))?.connected);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(passed.flowMods).toBe(sent);
    const durations = (await lab.ofctl('hv1', ['-O', 'OpenFlow15', 'dump-flows', 'br-int'])).matchAll(/duration=([\d.]+)s/g);
    expect(Math.min(...[...durations].map(([, seconds]) => Number(seconds)))).toBeGreaterThan(1);
  });
});

describe('the switch', () => {
  let standing: Standing;
  let guest: Guest;

  beforeAll(async () => {
    standing = await Standing.start(2);
    guest = await standing.weir.plug(standing.lab, 't1', 'vm');
  });

  afterAll(() => standing.stop());

  /** Also while there is no bridge. */
  const isWhole = async (): Promise<boolean> => {
    const host = await standing.weir.host('hv1');
    return host?.connected === true && (await flowCount(standing.lab, 'hv1').catch(() => Number.NaN)) === host.flows;
  };
  /** The gateway answers: the guest's port is bound and forwards. */
  const answers = async (): Promise<boolean> => (await ping(standing.lab, guest, '10.0.0.1', { count: 1, timeoutMs: 200 })).received === 1;

  test('vswitchd killed during a change and started again: traffic within seconds', async () => {
    await until(answers);
    const under = Array.from({ length: 40 }, (_, index) => standing.allow('hv1', 2_000 + index));
    await standing.lab.stopVswitchd('hv1', 'kill');
    expect(await standing.allow('hv2', 2_000)).toMatchObject({ status: 200 });
    await standing.lab.startVswitchd('hv1');
    const startedMs = performance.now();
    await until(answers);
    console.log(`vswitchd started again: the gateway answers after ${Math.round(performance.now() - startedMs)} ms`);
    for (const answer of await Promise.all(under)) expect(answer.status).toBe(200);
    await until(isWhole);
    expect(await standing.resync('hv1')).toBe(0);
  });

  test('a vswitchd that starts while the controller is away is served when it is back', async () => {
    await standing.weir.pause();
    await standing.lab.restartVswitchd('hv1', 'kill');
    expect(await answers()).toBe(false);
    await standing.weir.resume();
    const startedMs = performance.now();
    await until(answers);
    console.log(`controller back beside a fresh vswitchd: the gateway answers after ${Math.round(performance.now() - startedMs)} ms`);
    await until(isWhole);
  });

  test('a controller that was away for long is found again, and sends nothing', async () => {
    await standing.weir.pause();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const before = standing.weir.events('resynced', 'hv1').length;
    await standing.weir.resume();
    const startedMs = performance.now();
    const resynced = await until(() => standing.weir.events('resynced', 'hv1')[before]);
    console.log(`controller back after 5 s: resynced after ${Math.round(performance.now() - startedMs)} ms`);
    expect(resynced).toMatchObject({ flowsSent: 0 });
  });

  test('ovsdb-server started again: nothing is sent, and what is plugged afterwards is seen', async () => {
    await until(async () => (await standing.weir.host('hv1'))?.ovsdb);
    const { driftRepaired } = (await standing.weir.host('hv1')) ?? {};
    const left = (): number => standing.weir.events('ovsdb-disconnected', 'hv1').length;
    const leftBefore = left();
    const sent = standing.proxy.passed(standing.addressOf('hv1')).flowMods;
    await new OvsdbServer(standing.lab, 'hv1').restart();
    await until(() => left() > leftBefore);
    await until(async () => (await standing.weir.host('hv1'))?.ovsdb);
    // vswitchd forwards nothing for the second until it connects again, whoever controls it.
    await until(answers);
    expect(standing.proxy.passed(standing.addressOf('hv1')).flowMods).toBe(sent);
    expect((await standing.weir.host('hv1'))?.driftRepaired).toBe(driftRepaired);
    await standing.lab.unplugGuest(guest);
    await until(async () => (await standing.weir.vm('t1', 'vm')).status.phase === 'prepared');
    guest = await standing.weir.plug(standing.lab, 't1', 'vm');
    await until(answers);
  });

  test('the database deleted and made again: bridge, flows and epoch come back, and with its port the VM', async () => {
    const { lab, weir } = standing;
    const host = lab.host('hv1');
    const epochOf = async (): Promise<string> => (await lab.vsctl('hv1', ['get', 'Open_vSwitch', '.', 'external_ids:weir-epoch'])).trim();
    await until(async () => (await standing.weir.host('hv1'))?.ovsdb);
    const epoch = await epochOf();
    const server = new OvsdbServer(lab, 'hv1');
    await server.stop();
    await unlink(join(host.directory, 'conf.db'));
    await expectSuccess(['ovsdb-tool', 'create', join(host.directory, 'conf.db'), '/usr/share/openvswitch/vswitch.ovsschema']);
    await server.start();
    await lab.vsctl('hv1', [
      '--no-wait',
      'init',
      '--',
      'set',
      'Open_vSwitch',
      '.',
      'external_ids:system-id=hv1',
      `external_ids:weir-encap-ip="${host.encapIp}"`,
    ]);
    await host.join([`tcp:${lab.gatewayAddress}:${weir.ovsdbPort}`]);
    await until(async () => (await epochOf().catch(() => '')) === epoch);
    await until(isWhole);
    const item = guest.interfaces[0];
    await until(async () => (await weir.vm('t1', 'vm')).status.phase === 'prepared');
    await lab.vsctl('hv1', [
      'add-port',
      'br-int',
      item?.port ?? '',
      '--',
      'set',
      'Interface',
      item?.port ?? '',
      `external_ids:iface-id=${item?.portId}`,
    ]);
    await until(answers);
    await until(isWhole);
    expect(await standing.resync('hv1')).toBe(0);
    expect(await standing.allow('hv1', 3_000)).toMatchObject({ status: 200 });
  });
});

/** The ovsdb-server of a lab's host, ended and started with the command line that it had. */
class OvsdbServer {
  readonly #lab: Lab;
  readonly #host: string;
  #command: readonly string[] = [];

  constructor(lab: Lab, host: string) {
    this.#lab = lab;
    this.#host = host;
  }

  async stop(): Promise<void> {
    const { directory } = this.#lab.host(this.#host);
    const pid = Number(await readFile(join(directory, 'ovsdb-server.pid'), 'utf8'));
    this.#command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
    if ((await endProcesses([pid])).length > 0) throw new Error(`ovsdb-server (${pid}) does not end`);
  }

  async start(): Promise<void> {
    const { directory, netns } = this.#lab.host(this.#host);
    const environment = { OVS_RUNDIR: directory, OVS_LOGDIR: directory, OVS_DBDIR: directory };
    await expectSuccess(['ip', 'netns', 'exec', netns, ...this.#command], { environment });
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}
