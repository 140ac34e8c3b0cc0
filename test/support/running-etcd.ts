import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from './ports.ts';

/** PEM files for an etcd that takes TLS only, from clients whose certificates the authority signed. */
export interface EtcdFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: { readonly leader: number; readonly header: { readonly member_id: number; readonly revision: number } };
}

/** What is documented for operators, and nothing that makes etcd take more at once than it does by default. */
const flags = ['--auto-compaction-mode', 'periodic', '--auto-compaction-retention', '1h', '--log-level', 'error', '--logger', 'zap'];

/** A real etcd on free ports of the loopback, with a directory of its own: one member or several. It can be killed and comes back with what it holds. */
export class RunningEtcd {
  readonly #directory = mkdtempSync(join(tmpdir(), 'weir-etcd-'));
  readonly #members: { readonly client: number; readonly peer: number; child: ChildProcess | undefined }[] = [];
  readonly #tls: EtcdFiles | undefined;
  readonly #flags: readonly string[];

  private constructor(tls: EtcdFiles | undefined, more: readonly string[]) {
    this.#tls = tls;
    this.#flags = more;
  }

  static async start(
    options: { readonly members?: number; readonly tls?: EtcdFiles; readonly flags?: readonly string[] } = {},
  ): Promise<RunningEtcd> {
    const etcd = new RunningEtcd(options.tls, options.flags ?? []);
    const ports = await freePorts(2 * (options.members ?? 1));
    for (let at = 0; at < ports.length; at += 2) etcd.#members.push({ client: ports[at] ?? 0, peer: ports[at + 1] ?? 0, child: undefined });
    for (const member of etcd.#members.keys()) etcd.resume(member);
    await etcd.ready();
    return etcd;
  }

  /** HOST:PORT of each member. */
  get hosts(): readonly string[] {
    return this.#members.map(({ client }) => `127.0.0.1:${client}`);
  }

  get scheme(): string {
    return this.#tls === undefined ? 'http' : 'https';
  }

  /** Does not wait until it answers. */
  resume(member = 0): void {
    const chosen = this.#members[member];
    if (chosen === undefined) throw new Error(`there is no member ${member}`);
    const url = `${this.scheme}://127.0.0.1:${chosen.client}`;
    const peer = `http://127.0.0.1:${chosen.peer}`;
    const tls = this.#tls && [
      '--cert-file',
      this.#tls.cert,
      '--key-file',
      this.#tls.key,
      '--client-cert-auth',
      '--trusted-ca-file',
      this.#tls.ca,
    ];
    const own = ['--name', `m${member}`, '--data-dir', join(this.#directory, `m${member}`)];
    const client = ['--listen-client-urls', url, '--advertise-client-urls', url];
    const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer];
    const cluster = ['--initial-cluster', this.#members.map((each, at) => `m${at}=http://127.0.0.1:${each.peer}`).join()];
    const options = [...own, ...client, ...peers, ...cluster, ...flags, ...(tls ?? []), ...this.#flags];
    chosen.child = spawn('etcd', options, { stdio: 'ignore' });
  }

  /** Settles when a write succeeds. */
  async ready(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.ctl('put', '/ready', 'yes');
        return;
      } catch (error) {
        if (attempt > 300) throw error;
        await pause(50);
      }
    }
  }

  /** Runs etcdctl, and resolves with what it prints. */
  async ctl(...command: readonly string[]): Promise<string> {
    const tls = this.#tls && ['--cacert', this.#tls.ca, '--cert', this.#tls.cert, '--key', this.#tls.key];
    const endpoints = this.hosts.map((host) => `${this.scheme}://${host}`).join();
    const child = spawn('etcdctl', ['--endpoints', endpoints, '--command-timeout', '2s', ...(tls ?? []), ...command], {
      env: { ...process.env, ETCDCTL_API: '3' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    child.stdout.on('data', (data: Buffer) => out.push(data));
    child.stderr.on('data', (data: Buffer) => out.push(data));
    await once(child, 'close');
    const said = Buffer.concat(out).toString();
    if (child.exitCode !== 0) throw new Error(`etcdctl ${command.join(' ')}: ${said}`);
    return said;
  }

  /** As a power cut would. Returns when it is gone. */
  async kill(member = 0, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#members[member]?.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** It keeps its connections and says nothing any more, until `SIGCONT`. */
  /** Settles when it stands still: a thread that is on another core goes on for a moment behind the signal. */
  async freeze(member: number): Promise<void> {
    const child = this.#members[member]?.child;
    if (child === undefined) throw new Error(`member ${member} does not run`);
    child.kill('SIGSTOP');
    const tasks = `/proc/${child.pid}/task`;
    const isStill = (task: string): boolean => readFileSync(join(tasks, task, 'stat'), 'utf8').includes(') T ');
    while (!readdirSync(tasks).every(isStill)) await pause(1);
  }

  thaw(member: number): void {
    this.#members[member]?.child?.kill('SIGCONT');
  }

  /** etcd's own, of all keys. */
  async revision(): Promise<string> {
    const [first] = await this.#status();
    return String(first?.Status.header.revision);
  }

  async #status(): Promise<readonly EndpointStatus[]> {
    return JSON.parse(await this.ctl('endpoint', 'status', '-w', 'json')) as EndpointStatus[];
  }

  /** The member that leads. */
  async leader(): Promise<number> {
    const status = await this.#status();
    const leading = status.find(({ Status }) => Status.leader === Status.header.member_id);
    return this.hosts.findIndex((host) => leading?.Endpoint.endsWith(host) ?? false);
  }

  async stop(): Promise<void> {
    for (const member of this.#members.keys()) await this.kill(member);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
