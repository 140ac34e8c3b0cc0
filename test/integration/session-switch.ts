import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endProcesses } from '../../src/lab/index.ts';
import { claim } from '../support/claim.ts';

const run = promisify(execFile);
const schema = '/usr/share/openvswitch/vswitch.ovsschema';

export const bridge = 'br-int';

/** As many networks of four addresses as 10.200.0.0 to 10.249.255.255 has. */
const numbers = 50 << 14;

/**
 * A real Open vSwitch of its own: database, vswitchd with the userspace datapath in a network namespace, one bridge, and a veth pair
 * over which it reaches this process at `host`. `stop` leaves nothing behind.
 */
export class RealSwitch {
  readonly dir: string;
  readonly namespace: string;
  /** The address of this process as the switch sees it. */
  readonly host: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #link: string;

  private constructor(dir: string, number: number) {
    const id = number.toString(36);
    this.dir = dir;
    this.namespace = `wss${id}`;
    this.#link = `wsl${id}`;
    this.host = `10.${200 + (number >> 14)}.${(number >> 6) & 255}.${(number & 63) * 4 + 1}`;
    this.#env = { ...process.env, OVS_RUNDIR: dir, OVS_DBDIR: dir, OVS_LOGDIR: dir, OVS_SYSCONFDIR: dir };
  }

  static async start(protocols: string): Promise<RealSwitch> {
    const dir = await mkdtemp(join(tmpdir(), 'weir-session-'));
    let opened = new RealSwitch(dir, randomInt(numbers));
    // Only one switch on the machine can have the namespace, and so the addresses.
    while (!(await opened.#claimNamespace())) opened = new RealSwitch(dir, randomInt(numbers));
    try {
      await claim(dir, [opened.namespace]);
      await opened.#start(protocols);
      return opened;
    } catch (error) {
      await opened.stop();
      throw error;
    }
  }

  async #claimNamespace(): Promise<boolean> {
    try {
      await run('ip', ['netns', 'add', this.namespace]);
      return true;
    } catch (error) {
      if (error instanceof Error && error.message.includes('File exists')) return false;
      await rm(this.dir, { recursive: true, force: true });
      throw error;
    }
  }

  async #start(protocols: string): Promise<void> {
    const peer = this.host.replace(/\d+$/, (last) => String(Number(last) + 1));
    await run('ip', ['-n', this.namespace, 'link', 'set', 'lo', 'up']);
    await run('ip', ['link', 'add', this.#link, 'type', 'veth', 'peer', 'name', 'mgmt0', 'netns', this.namespace]);
    await run('ip', ['addr', 'add', `${this.host}/30`, 'dev', this.#link]);
    await run('ip', ['link', 'set', this.#link, 'up']);
    await run('ip', ['-n', this.namespace, 'addr', 'add', `${peer}/30`, 'dev', 'mgmt0']);
    await run('ip', ['-n', this.namespace, 'link', 'set', 'mgmt0', 'up']);
    await run('ovsdb-tool', ['create', join(this.dir, 'conf.db'), schema]);
    const db = ['--pidfile=' + join(this.dir, 'db.pid'), '--unixctl=' + join(this.dir, 'db.ctl'), '--detach', '-vconsole:off'];
    await run('ovsdb-server', [`--remote=punix:${this.dir}/db.sock`, ...db, join(this.dir, 'conf.db')], { env: this.#env });
    await this.vsctl('--no-wait', 'init');
    await this.startVswitchd();
    await this.vsctl('add-br', bridge, '--', 'set', 'bridge', bridge, 'datapath_type=netdev', 'fail_mode=secure', `protocols=${protocols}`);
    await this.vsctl('set', 'bridge', bridge, 'other-config:disable-in-band=true');
  }

  async startVswitchd(): Promise<void> {
    const args = [
      `unix:${this.dir}/db.sock`,
      `--pidfile=${this.dir}/vs.pid`,
      `--unixctl=${this.dir}/vs.ctl`,
      `--log-file=${this.dir}/vs.log`,
    ];
    await run('ip', ['netns', 'exec', this.namespace, 'ovs-vswitchd', ...args, '--detach', '-vconsole:off'], { env: this.#env });
  }

  async stopVswitchd(): Promise<void> {
    await this.#end('vs.pid');
  }

  async pid(): Promise<number> {
    return Number(await readFile(join(this.dir, 'vs.pid'), 'utf8'));
  }

  /** The bridge's controllers from now on; one that was there before keeps its connection. */
  async connectTo(...ports: number[]): Promise<void> {
    const targets = ports.map((port) => `tcp:${this.host}:${port}`);
    await this.vsctl('set-controller', bridge, ...targets, '--', 'set', 'bridge', bridge, 'other-config:disable-in-band=true');
    for (const id of (await this.vsctl('--bare', '--columns=_uuid', 'list', 'controller')).split('\n').filter((line) => line !== ''))
      await this.vsctl('set', 'controller', id, 'max_backoff=1000', 'connection_mode=out-of-band');
  }

  async disconnect(): Promise<void> {
    await this.vsctl('del-controller', bridge);
  }

  async vsctl(...args: string[]): Promise<string> {
    return (await run('ovs-vsctl', ['--timeout=20', `--db=unix:${this.dir}/db.sock`, ...args], { env: this.#env })).stdout;
  }

  async ofctl(version: string, ...args: string[]): Promise<string> {
    const options = { env: this.#env, maxBuffer: 1 << 28 };
    return (await run('ovs-ofctl', ['--timeout=60', '-O', version, ...args], options)).stdout;
  }

  async appctl(...args: string[]): Promise<string> {
    return (await run('ovs-appctl', ['-t', join(this.dir, 'vs.ctl'), ...args], { env: this.#env, maxBuffer: 1 << 28 })).stdout;
  }

  async #end(pidFile: string): Promise<void> {
    const text = await readFile(join(this.dir, pidFile), 'utf8').catch(() => '');
    if (text === '') return;
    const left = await endProcesses([Number(text)], 'SIGTERM');
    if (left.length > 0) throw new Error(`process ${left.join()} does not end`);
  }

  async stop(): Promise<void> {
    await this.#end('vs.pid');
    await this.#end('db.pid');
    await run('ip', ['link', 'del', this.#link]).catch(() => undefined);
    await run('ip', ['netns', 'del', this.namespace]).catch(() => undefined);
    await rm(this.dir, { recursive: true, force: true });
  }
}
