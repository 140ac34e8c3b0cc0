import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { claim } from '../support/claim.ts';

const run = promisify(execFile);
const schema = '/usr/share/openvswitch/vswitch.ovsschema';

/** Polls until `holds` gives something; the last answer is in the failure. */
export async function eventually<T>(holds: () => T | undefined | false, timeoutMs = 60_000): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const value = holds();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${holds.toString()}`);
    await sleep(10);
  }
}

/** An ovsdb-server, and on demand an ovs-vswitchd in a network namespace of its own, with everything under one temporary directory. */
export class OvsdbSwitch {
  readonly directory = mkdtempSync(join(tmpdir(), 'weir-ovsdb-'));
  readonly socketPath = join(this.directory, 'db.sock');
  readonly #environment = { ...process.env, OVS_RUNDIR: this.directory, OVS_DBDIR: this.directory, OVS_LOGDIR: this.directory };
  #netns: string | undefined;

  /** `bare`: the database has no root row yet. */
  static async start(options: { readonly clustered?: boolean; readonly bare?: boolean } = {}): Promise<OvsdbSwitch> {
    const made = new OvsdbSwitch();
    const database = made.#database;
    if (options.clustered) await made.#run('ovsdb-tool', ['create-cluster', database, schema, `unix:${join(made.directory, 'raft.sock')}`]);
    else await made.#run('ovsdb-tool', ['create', database, schema]);
    await made.startServer();
    if (!options.bare) await made.vsctl('init');
    return made;
  }

  get #database(): string {
    return join(this.directory, 'conf.db');
  }

  async startServer(): Promise<void> {
    const remotes = [`--remote=punix:${this.socketPath}`, '--remote=db:Open_vSwitch,Open_vSwitch,manager_options'];
    const pki = [
      '--private-key=db:Open_vSwitch,SSL,private_key',
      '--certificate=db:Open_vSwitch,SSL,certificate',
      '--ca-cert=db:Open_vSwitch,SSL,ca_cert',
    ];
    await this.#daemon('ovsdb-server', [this.#database, ...remotes, ...pki]);
  }

  stopServer(): Promise<void> {
    return this.#stop('ovsdb-server');
  }

  /** `netns` must be unique on the machine and at most 15 characters. */
  async startVswitchd(netns: string): Promise<void> {
    if (this.#netns === undefined) {
      await run('ip', ['netns', 'add', netns]);
      await claim(this.directory, [netns]);
      await run('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
      this.#netns = netns;
    }
    await this.#daemon('ovs-vswitchd', [`unix:${this.socketPath}`], ['ip', 'netns', 'exec', netns]);
  }

  stopVswitchd(): Promise<void> {
    return this.#stop('ovs-vswitchd');
  }

  async vsctl(...parameters: string[]): Promise<string> {
    return this.#run('ovs-vsctl', [`--db=unix:${this.socketPath}`, '--no-wait', ...parameters]);
  }

  async client(...parameters: string[]): Promise<string> {
    return this.#run('ovsdb-client', parameters);
  }

  /** The columns of one table by UUID, as `ovsdb-client dump -f json` prints them: the judge of a replica. */
  dump(table: string, columns: readonly string[]): Map<string, Record<string, unknown>> {
    const parameters = ['-f', 'json', 'dump', `unix:${this.socketPath}`, 'Open_vSwitch', table, '_uuid', ...columns];
    const text = execFileSync('ovsdb-client', parameters, { env: this.#environment, encoding: 'utf8' });
    if (text.trim() === '') return new Map();
    const { headings, data } = JSON.parse(text) as { headings: string[]; data: unknown[][] };
    const rows = data.map((row) => Object.fromEntries(headings.map((heading, index) => [heading, row[index]])));
    return new Map(rows.map(({ _uuid, ...row }) => [(_uuid as [string, string])[1], row]));
  }

  async stop(): Promise<void> {
    await this.stopVswitchd();
    await this.stopServer();
    if (this.#netns !== undefined) await run('ip', ['netns', 'del', this.#netns]);
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #run(command: string, parameters: string[]): Promise<string> {
    const { stdout } = await run(command, parameters, { env: this.#environment, timeout: 20_000 });
    return stdout;
  }

  async #daemon(name: string, parameters: string[], prefix: readonly string[] = []): Promise<void> {
    const files = [`--pidfile=${join(this.directory, `${name}.pid`)}`, `--unixctl=${join(this.directory, `${name}.ctl`)}`];
    const [command, ...rest] = [
      ...prefix,
      name,
      ...parameters,
      ...files,
      `--log-file=${join(this.directory, `${name}.log`)}`,
      '--detach',
      '--no-chdir',
    ];
    await this.#run(command, rest);
  }

  async #stop(name: string): Promise<void> {
    const pidFile = join(this.directory, `${name}.pid`);
    if (!existsSync(pidFile)) return;
    const pid = Number(readFileSync(pidFile, 'utf8'));
    process.kill(pid);
    // The daemon takes its pidfile away as the last thing it does.
    await eventually(() => !existsSync(pidFile));
  }
}
