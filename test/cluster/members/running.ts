import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import {
  type MemberTls,
  type OpenMember,
  openMember,
  type Origin,
  type Release,
  releaseNamed,
  type StoreOptions,
  type TransportEvent,
} from '../../../cluster/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { freePorts } from '../../support/ports.ts';

interface Starting {
  readonly origin?: () => Promise<Origin>;
  readonly tls?: MemberTls;
  /** Where its data is, beside the others'; its name when absent. */
  readonly place?: string;
  /** Where it listens, when the others find it elsewhere. */
  readonly port?: number;
  readonly store?: Partial<StoreOptions>;
  readonly runs?: Release;
}

/** Members of clusters in this process, each with a directory and a port of its own. */
export class RunningMembers {
  readonly #directory: string;
  readonly #ports = new Map<string, number>();
  readonly open = new Map<string, OpenMember>();
  readonly events: (TransportEvent & { readonly at: string })[] = [];
  readonly waiting: string[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  async reserve(...ids: string[]): Promise<void> {
    const ports = await freePorts(ids.length);
    ids.forEach((id, at) => this.#ports.set(id, ports[at] ?? 0));
  }

  port(id: string): number {
    return this.#ports.get(id) ?? 0;
  }

  address(id: string): string {
    return `127.0.0.1:${this.port(id)}`;
  }

  founders(...ids: string[]): () => Promise<Origin> {
    return async () => ({ kind: 'founder', founders: new Map(ids.map((id) => [id, this.address(id)])) });
  }

  joining(at: OpenMember): () => Promise<Origin> {
    return async () => ({
      kind: 'joining',
      cluster: at.members.cluster,
      places: new Map(at.members.list().map(({ id, address }) => [id, address])),
    });
  }

  directory(place: string): string {
    return join(this.#directory, place);
  }

  /** Listens, and waits for nobody. */
  async start(
    id: string,
    { origin = async () => ({ kind: 'alone' }), tls, place = id, port, store, runs = releaseNamed('0.0.0') }: Starting = {},
  ): Promise<OpenMember> {
    const member = await openMember({
      directory: this.directory(place),
      clock: systemClock,
      segmentBytes: 32 * 1024,
      reserveBytes: 64 * 1024,
      indexMemoryBytes: 1024 * 1024,
      ...store,
      id,
      listen: { host: '127.0.0.1', port: port ?? this.port(id), advertise: this.address(id), tls },
      origin,
      runs,
      onEvent: (event) => this.events.push({ ...event, at: place }),
      onWaiting: (reason) => this.waiting.push(`${id}: ${reason}`),
    });
    this.open.set(id, member);
    return member;
  }

  get(id: string): OpenMember {
    const member = this.open.get(id);
    if (member === undefined) throw new Error(`${id} is not open`);
    return member;
  }

  async stop(id: string): Promise<void> {
    const member = this.get(id);
    this.open.delete(id);
    await member.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.open.values()].map((member) => member.close()));
  }
}

/** Asks again until it is so; the test's own time limit ends it. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(10);
}
