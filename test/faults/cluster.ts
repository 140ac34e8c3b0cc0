import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterStatus } from '../../cluster/index.ts';
import { inNamespace } from '../../src/lab/namespace.ts';
import { MemberFiles, token } from '../support/member-files.ts';
import type { WeirProcess } from '../support/weir-process.ts';
import { Disk } from './disk.ts';
import { Cabling } from './room.ts';

const apiPort = 6680;
const memberPort = 6690;

interface Place {
  readonly process: WeirProcess;
  readonly disk: Disk;
  /** What slows or fails its disk. */
  tracer: ChildProcess | undefined;
}

/** Controllers as processes of their own, each on a network, and a disk, of its own. */
export class FaultyCluster {
  readonly cabling: Cabling;
  readonly #directory: string;
  readonly #files: MemberFiles;
  readonly #places = new Map<string, Place>();
  /** Who counts. */
  ids: readonly string[] = [];
  #added = 0;

  private constructor(directory: string, files: MemberFiles, cabling: Cabling) {
    this.#directory = directory;
    this.#files = files;
    this.cabling = cabling;
  }

  static async start(directory: string, ids: readonly string[]): Promise<FaultyCluster> {
    const cluster = new FaultyCluster(directory, await MemberFiles.make(directory), await Cabling.lay());
    for (const id of ids) await cluster.cabling.plug(id);
    for (const id of ids) await cluster.#prepare(id, ids);
    cluster.ids = ids;
    await Promise.all(ids.map((id) => cluster.process(id).start()));
    return cluster;
  }

  get ca(): string {
    return this.#files.ca;
  }

  get token(): string {
    return token;
  }

  async #prepare(id: string, founding: readonly string[] = []): Promise<void> {
    const disk = await Disk.mount(join(this.#directory, id));
    const founders = Object.fromEntries(founding.map((each) => [each, `${this.cabling.address(each)}:${memberPort}`]));
    const process = await this.#files.prepare({
      id,
      address: this.cabling.address(id),
      apiPort,
      memberPort,
      data: join(disk.directory, 'data'),
      founders: founding.length > 0 ? founders : undefined,
      through: inNamespace(id, []),
    });
    this.#places.set(id, { process, disk, tracer: undefined });
  }

  #place(id: string): Place {
    const place = this.#places.get(id);
    if (place === undefined) throw new Error(`there is no ${id}`);
    return place;
  }

  process(id: string): WeirProcess {
    return this.#place(id).process;
  }

  disk(id: string): Disk {
    return this.#place(id).disk;
  }

  url(id: string): string {
    return this.process(id).url;
  }

  others(id: string): readonly string[] {
    return this.ids.filter((each) => each !== id);
  }

  status(at: string): Promise<ClusterStatus> {
    return this.process(at).must<ClusterStatus>('GET', '/v1/cluster');
  }

  /** Who leads, as most of the members see it. */
  async leader(): Promise<string> {
    for (;;) {
      const seen = await Promise.all(
        this.ids.map((id) =>
          this.status(id).then(
            ({ leader }) => leader,
            () => null,
          ),
        ),
      );
      const leader = this.ids.find((id) => seen.filter((each) => each === id).length > this.ids.length / 2);
      if (leader !== undefined) return leader;
      await pause(50);
    }
  }

  /** Each of the system calls by which something is made durable does this, as strace says it: `delay_enter=100ms`, `error=EIO`. */
  async tamper(id: string, injection: string): Promise<void> {
    const place = this.#place(id);
    const calls = 'fsync,fdatasync';
    const args = [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-p',
      String(place.process.pid),
      '-e',
      `trace=${calls}`,
      '-e',
      `inject=${calls}:${injection}`,
    ];
    const tracer = spawn('strace', args, { stdio: 'ignore' });
    place.tracer = tracer;
    while (/TracerPid:\t0\n/.test(readFileSync(`/proc/${place.process.pid}/status`, 'utf8'))) {
      if (tracer.exitCode !== null) throw new Error(`strace ended with ${tracer.exitCode}`);
      await pause(10);
    }
  }

  async leaveAlone(id: string): Promise<void> {
    const { tracer } = this.#place(id);
    if (tracer === undefined) return;
    this.#place(id).tracer = undefined;
    if (tracer.exitCode !== null) return;
    const gone = once(tracer, 'exit');
    tracer.kill('SIGTERM');
    await gone;
  }

  /** Settles when it votes. */
  async add(): Promise<void> {
    const id = `n${++this.#added}`;
    await this.cabling.plug(id);
    await this.#prepare(id);
    const [at = ''] = this.ids;
    await this.process(id).start(['--join', this.url(at), '--join-token', token]);
    this.ids = [...this.ids, id];
    while (!(await this.#votes(id))) await pause(50);
  }

  async #votes(id: string): Promise<boolean> {
    const status = await this.status(id).catch(() => undefined);
    return status?.members.some((member) => member.id === id && member.role === 'voter') ?? false;
  }

  async remove(id: string): Promise<void> {
    const [at = ''] = this.others(id);
    await this.process(at).must('DELETE', `/v1/cluster/members/${id}`);
    this.ids = this.others(id);
    await this.process(id).end('SIGTERM');
  }
}
