import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '../base/errors.ts';
import { type CommandOptions, expectSuccess } from './command.ts';
import { commandLineOf, endProcesses, inNamespace, runScriptIn } from './namespace.ts';
import { ControlConnection } from './unixctl.ts';
import { type HostPlan, integrationBridge, underlayBridge } from './plan.ts';

/** How a vswitchd ends: asked over its control socket, or killed on the spot. */
export type StopManner = 'graceful' | 'kill';

/** Where Debian's openvswitch-common keeps the schema of the Open_vSwitch database. */
const schemaPath = '/usr/share/openvswitch/vswitch.ovsschema';

/** Makes an empty Open_vSwitch database: copies of it are what the hosts start from. */
export async function createDatabase(path: string): Promise<void> {
  await expectSuccess(['ovsdb-tool', 'create', path, schemaPath]);
}

/**
 * One hypervisor: a network namespace with an ovsdb-server and an ovs-vswitchd of its own. Both daemons detach and
 * outlive the process that started them; their sockets, logs and pid files are in the host's directory.
 *
 * br-int is not made here: that is the controller's work.
 */
export class Hypervisor {
  readonly name: string;
  readonly netns: string;
  readonly directory: string;
  readonly encapIp: string;
  readonly #plan: HostPlan;

  constructor(plan: HostPlan, encapFamily: 4 | 6) {
    this.name = plan.name;
    this.netns = plan.netns;
    this.directory = plan.directory;
    this.encapIp = encapFamily === 4 ? plan.underlayAddress : plan.underlayAddress6;
    this.#plan = plan;
  }

  get ovsdbSocket(): string {
    return join(this.directory, 'db.sock');
  }

  get vswitchdSocket(): string {
    return join(this.directory, 'ovs-vswitchd.ctl');
  }

  /** The namespace's addresses and both daemons. */
  async start(database: string): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    await Promise.all([this.#configureNamespace(), copyFile(database, join(this.directory, 'conf.db'))]);
    await this.#startOvsdb();
    const steps = [
      'init',
      `set Open_vSwitch . external_ids:system-id=${this.name} external_ids:weir-encap-ip="${this.encapIp}"`,
      `add-br ${underlayBridge}`,
      `set Bridge ${underlayBridge} datapath_type=netdev other_config:hwaddr="${this.#plan.underlayMac}"`,
      `add-port ${underlayBridge} ul0`,
    ];
    await this.vsctl(['--no-wait', ...steps.flatMap((step) => ['--', ...step.split(' ')])]);
    await this.startVswitchd();
  }

  /** The one command with which a hypervisor joins a controller. */
  async join(managers: readonly string[]): Promise<void> {
    if (managers.length > 0) await this.vsctl(['set-manager', ...managers]);
  }

  /** Starts ovs-vswitchd and returns when it has carried out what its database says. */
  async startVswitchd(): Promise<void> {
    await expectSuccess(
      inNamespace(this.netns, ['ovs-vswitchd', `unix:${this.ovsdbSocket}`, '--disable-system', ...this.#daemonOptions('ovs-vswitchd')]),
      { environment: this.#environment },
    );
    await runScriptIn(this.netns, [
      `echo 0 > /proc/sys/net/ipv6/conf/${underlayBridge}/disable_ipv6`,
      `echo 0 > /proc/sys/net/ipv6/conf/${underlayBridge}/accept_dad`,
      `ip address replace ${this.#plan.underlayAddress}/24 dev ${underlayBridge}`,
      `ip address replace ${this.#plan.underlayAddress6}/64 dev ${underlayBridge} nodad`,
      `ip link set ${underlayBridge} up`,
      `ethtool -K ${underlayBridge} tx off >/dev/null`,
    ]);
  }

  /**
   * Tells the switch the MACs of the other tunnel endpoints. It would ask for them by itself, but drops the packet that
   * makes it ask: here the first packet between two hosts arrives, as it does in a fleet that is in use.
   */
  async meetPeers(peers: readonly HostPlan[]): Promise<void> {
    const control = await ControlConnection.open(this.vswitchdSocket);
    try {
      for (const { underlayAddress, underlayAddress6, underlayMac } of peers) {
        for (const address of [underlayAddress, underlayAddress6]) {
          await control.call('tnl/neigh/set', [underlayBridge, address, underlayMac], 5000);
        }
      }
    } finally {
      control.close();
    }
  }

  /** Ends ovs-vswitchd and returns when it is gone. Its tap devices and their addresses stay. */
  async stopVswitchd(manner: StopManner): Promise<void> {
    const pid = await this.#daemonPid('ovs-vswitchd');
    if (manner === 'graceful') await this.appctl(['exit']);
    const left = await endProcesses([pid], manner === 'graceful' ? 'SIGTERM' : 'SIGKILL');
    if (left.length > 0) throw new WeirError('process-stuck', `ovs-vswitchd of ${this.name} (${pid}) does not end`);
  }

  /** Runs ovs-vsctl on the host's database and returns what it prints. */
  vsctl(args: readonly string[], options?: CommandOptions): Promise<string> {
    return this.#tool(['ovs-vsctl', `--db=unix:${this.ovsdbSocket}`, '--timeout=25', ...args], options);
  }

  /** Runs ovs-ofctl and returns what it prints; bridges are known by name. */
  ofctl(args: readonly string[], options?: CommandOptions): Promise<string> {
    return this.#tool(['ovs-ofctl', ...args], options);
  }

  /** Has ovs-vswitchd carry out a command of ovs-appctl's, such as `ofproto/trace`, and returns what it says. */
  async appctl([method = '', ...parameters]: readonly string[], timeoutMs = 30_000): Promise<string> {
    const control = await ControlConnection.open(this.vswitchdSocket);
    try {
      return await control.call(method, parameters, timeoutMs);
    } finally {
      control.close();
    }
  }

  /** OpenFlow port numbers of all interfaces that have one, by name. */
  async portNumbers(): Promise<ReadonlyMap<string, number>> {
    const text = await this.vsctl(['--format=json', '--columns=name,ofport', 'list', 'Interface']);
    const { data } = JSON.parse(text) as { data: [string, unknown][] };
    return new Map(data.filter((row): row is [string, number] => typeof row[1] === 'number' && row[1] >= 0));
  }

  /**
   * Adds a device of the namespace to br-int with its external_ids, in one transaction, and returns its OpenFlow port.
   * Waits for the bridge as long as `bridgeTimeoutMs`, and throws `bridge-missing` after that.
   */
  async addPort(device: string, externalIds: Readonly<Record<string, string>>, bridgeTimeoutMs: number): Promise<number> {
    await this.#awaitBridge(bridgeTimeoutMs);
    const ids = Object.entries(externalIds).map(([key, value]) => `external_ids:${key}="${value}"`);
    await this.vsctl(['add-port', integrationBridge, device, '--', 'set', 'Interface', device, ...ids]);
    const [ofport, error] = (await this.vsctl(['get', 'Interface', device, 'ofport', 'error'])).trim().split('\n');
    const port = Number(ofport);
    if (!Number.isInteger(port) || port < 1)
      throw new WeirError('port-refused', `${this.name} did not take ${device} into ${integrationBridge}: ${error}`);
    return port;
  }

  /** Takes a port out of br-int and deletes its device; either may be gone already. */
  async removePort(device: string): Promise<void> {
    await this.vsctl(['--if-exists', 'del-port', device]);
    await runScriptIn(this.netns, [`if [ -e /proc/sys/net/ipv4/conf/${device} ]; then ip link delete ${device}; fi`]);
  }

  async #awaitBridge(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await this.vsctl(['list-br'])).split('\n').includes(integrationBridge)) {
      if (performance.now() > deadline) {
        throw new WeirError(
          'bridge-missing',
          `${this.name} has no ${integrationBridge}: no controller has taken charge of it (${(await this.vsctl(['get-manager'])).trim() || 'no manager set'})`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #configureNamespace(): Promise<void> {
    // The kernel sees every frame that the switch reads: without IPv6 and ARP of its own on the ports it answers none.
    await runScriptIn(this.netns, [
      'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6',
      'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6',
      'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore',
      'ip link set lo up',
      `ip address add ${this.#plan.managementAddress}/24 dev mg0`,
      'ip link set mg0 up',
      'ip link set ul0 up',
      'ethtool -K ul0 tx off >/dev/null',
    ]);
  }

  async #startOvsdb(): Promise<void> {
    await expectSuccess(
      inNamespace(this.netns, [
        'ovsdb-server',
        join(this.directory, 'conf.db'),
        `--remote=punix:${this.ovsdbSocket}`,
        '--remote=db:Open_vSwitch,Open_vSwitch,manager_options',
        '--private-key=db:Open_vSwitch,SSL,private_key',
        '--certificate=db:Open_vSwitch,SSL,certificate',
        '--bootstrap-ca-cert=db:Open_vSwitch,SSL,ca_cert',
        ...this.#daemonOptions('ovsdb-server'),
      ]),
      { environment: this.#environment },
    );
  }

  #daemonOptions(daemon: string): string[] {
    const path = (suffix: string): string => join(this.directory, `${daemon}.${suffix}`);
    return ['--detach', '--no-chdir', `--pidfile=${path('pid')}`, `--unixctl=${path('ctl')}`, `--log-file=${path('log')}`, '-vconsole:off'];
  }

  /** The pid that a daemon wrote, once its command line proves that it is this host's daemon. */
  async #daemonPid(daemon: string): Promise<number> {
    const pid = Number(await readFile(join(this.directory, `${daemon}.pid`), 'utf8').catch(() => '0'));
    const commandLine = pid > 0 ? await commandLineOf(pid) : undefined;
    if (!commandLine?.includes(`${this.directory}/`)) throw new WeirError('process-missing', `${daemon} of ${this.name} is not running`);
    return pid;
  }

  get #environment(): Record<string, string> {
    return { OVS_RUNDIR: this.directory, OVS_LOGDIR: this.directory, OVS_DBDIR: this.directory };
  }

  #tool(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
    return expectSuccess(argv, { timeoutMs: 30_000, ...options, environment: { ...this.#environment, ...options.environment } });
  }
}
