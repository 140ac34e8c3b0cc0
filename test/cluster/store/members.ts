import { join } from 'node:path';
import type { MemberStore, StoreOptions } from '../../../cluster/index.ts';
import type { MemberId, Message } from '../../../cluster/raft/types.ts';
import type { Transport } from '../../../cluster/transport/port.ts';
import { openSocketTransport, type SocketTransport } from '../../../cluster/transport/sockets.ts';
import { openSmall } from './directory.ts';
import { releaseNamed } from '../../../cluster/version/index.ts';

/** Members of one cluster in this process, over sockets on loopback, each with a directory of its own. */
export class Members {
  readonly #directory: string;
  readonly #options: Partial<StoreOptions>;
  readonly #founders: readonly MemberId[];
  readonly #transports = new Map<MemberId, SocketTransport>();
  readonly stores = new Map<MemberId, MemberStore>();
  /** What members said of their disks. */
  readonly problems: { readonly member: MemberId; readonly code: string }[] = [];

  /** Called before a member sends a message. */
  onSend: ((message: Message) => void) | undefined;

  /** Called before a member sends a snapshot, which fails when it throws. */
  onSnapshot: (() => void) | undefined;

  private constructor(directory: string, founders: readonly MemberId[], options: Partial<StoreOptions>) {
    this.#directory = directory;
    this.#founders = founders;
    this.#options = options;
  }

  /** None is started yet. */
  static of(directory: string, founders: readonly MemberId[]): Members {
    return new Members(directory, founders, {});
  }

  static async open(directory: string, founders: readonly MemberId[], options: Partial<StoreOptions> = {}): Promise<Members> {
    const members = new Members(directory, founders, options);
    await Promise.all(founders.map((id) => members.start(id)));
    return members;
  }

  async start(id: MemberId): Promise<MemberStore> {
    const store = await openSmall(join(this.#directory, id), {
      onProblem: ({ code }) => this.problems.push({ member: id, code }),
      ...this.#options,
      member: {
        id,
        founders: this.#founders.includes(id) ? this.#founders : [],
        transport: async (handlers) => {
          const transport = await openSocketTransport(
            {
              id,
              cluster: 'test',
              instance: id,
              runs: releaseNamed('0'),
              host: '127.0.0.1',
              port: 0,
              advertise: undefined,
              tls: undefined,
              peers: new Map(),
              refusalOf: () => undefined,
              onEvent: () => undefined,
            },
            handlers,
          );
          this.#transports.set(id, transport);
          this.#introduce();
          return this.#observed(transport);
        },
      },
    });
    this.stores.set(id, store);
    return store;
  }

  #observed(transport: Transport): Transport {
    return {
      send: (message) => {
        this.onSend?.(message);
        transport.send(message);
      },
      request: (to, request, timeoutMs) => transport.request(to, request, timeoutMs),
      sendSnapshot: async (to, offer, chunks) => {
        this.onSnapshot?.();
        await transport.sendSnapshot(to, offer, chunks);
      },
      setPeers: (peers) => transport.setPeers(peers),
      isReachable: (member) => transport.isReachable(member),
      close: () => transport.close(),
    };
  }

  #introduce(): void {
    const addresses = new Map([...this.#transports].map(([id, { port }]) => [id, `127.0.0.1:${port}`]));
    for (const transport of this.#transports.values()) transport.setPeers(addresses);
  }

  async stop(id: MemberId): Promise<void> {
    await this.stores.get(id)?.close();
    this.stores.delete(id);
    this.#transports.delete(id);
    this.#introduce();
  }

  store(id: MemberId): MemberStore {
    const store = this.stores.get(id);
    if (store === undefined) throw new Error(`${id} is not open`);
    return store;
  }

  async leader(): Promise<MemberStore> {
    for (;;) {
      for (const store of this.stores.values()) if (store.cluster.leader === store.cluster.id) return store;
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.stores.keys()].map((id) => this.stop(id)));
  }
}
