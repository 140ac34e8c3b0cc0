import type { OvsdbConnection } from '../../flows/io/ovsdb.ts';
import { hostFacts, hostTransaction, introduceMembers, raiseEpoch, TransactionBuilder } from '../../flows/ovsdb/index.ts';
import type { Epoch, HostFacts, Operations, TransactResult } from '../../flows/ovsdb/index.ts';

export interface DatabaseContext {
  readonly bridge: string;
  /** Where a switch finds the members, when its database connection came in on this local address here. */
  readonly targets: (localAddress: string) => Targets;
  /** What a user set for the host; it wins over what the switch says. */
  readonly encapIp: (host: string) => string | undefined;
}

/** As Open vSwitch writes them. */
export interface Targets {
  /** OpenFlow, of every member. */
  readonly controllers: readonly string[];
  /** OVSDB, of this member. */
  readonly managers: readonly string[];
  /** OVSDB, of the others. */
  readonly otherManagers: readonly string[];
}

export interface DatabaseHandlers {
  onFacts(facts: HostFacts): void;
  /** The database does not take what it should be, or says something impossible. Told once for each reason. */
  onTrouble(reason: string): void;
  onClosed(reason: string): void;
}

/**
 * A hypervisor's database over one connection. After every change there it is read again and brought to what it should be, one
 * transaction at a time. A transaction that changes something, or whose guard fails because something changed, is seen here as a
 * change of the replica: so nothing is tried twice on the same state. Who does not own the switch only reads, and sees to it that the owner is found.
 */
export class HostDatabase {
  readonly #host: string;
  readonly #connection: OvsdbConnection;
  readonly #context: DatabaseContext;
  readonly #claim: () => Epoch | undefined;
  readonly #handlers: DatabaseHandlers;
  /** Members whose OpenFlow connection has come since vswitchd was last told to configure itself, as far as others' are concerned. */
  #connected: ReadonlySet<string> = new Set();
  #isStale = false;
  #isNudged = false;
  #isSettling = false;
  #isClosed = false;
  #trouble: string | undefined;

  /** `claim`: the epoch in which this member owns the switch, while it does. */
  constructor(
    host: string,
    connection: OvsdbConnection,
    context: DatabaseContext,
    claim: () => Epoch | undefined,
    handlers: DatabaseHandlers,
  ) {
    this.#host = host;
    this.#connection = connection;
    this.#context = context;
    this.#claim = claim;
    this.#handlers = handlers;
  }

  /** To be called once. */
  start(): void {
    this.#connection.onChange(() => this.refresh());
    this.#connection.onClosed(({ code, reason }) => {
      this.#isClosed = true;
      this.#handlers.onClosed(`${code}: ${reason}`);
    });
    this.refresh();
  }

  get peerAddress(): string {
    return this.#connection.peerAddress;
  }

  /** What stands in the way at present. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  close(): void {
    this.#connection.close();
  }

  /**
   * Has vswitchd configure itself again. It applies `max_backoff` and `inactivity_probe` only to controllers that are connected
   * when it does (Open vSwitch 3.1, `ofservice_reconfigure`): until then it waits 8 s before it connects again.
   */
  nudge(): void {
    this.#isNudged = true;
    this.refresh();
  }

  /** The database, or what is wanted of it, is different now. */
  refresh(): void {
    if (this.#isClosed) return;
    const facts = hostFacts(this.#connection.replica, { ...this.#settings(), peerAddress: this.#connection.peerAddress });
    if (!facts) return;
    if (facts.systemId !== undefined && facts.systemId !== this.#host) {
      this.#complain(`its system-id is ${facts.systemId} now`);
      return this.close();
    }
    this.#handlers.onFacts(facts);
    this.#noteConnected(facts);
    this.#isStale = true;
    if (!this.#isSettling) void this.#settle();
  }

  /** Another member's connection is to be configured as well: the switch must be quick to find a member that comes back. */
  #noteConnected({ controllers }: HostFacts): void {
    const { localAddress } = this.#connection;
    const { controllers: targets, otherManagers } = this.#context.targets(localAddress);
    const connected = new Set(controllers.filter((each) => each.connected && targets.includes(each.target)).map(({ target }) => target));
    const isMore = [...connected].some((target) => !this.#connected.has(target));
    this.#connected = connected;
    if (isMore && otherManagers.length > 0) this.#isNudged = true;
  }

  #settings(): { readonly bridge: string; readonly encapIp?: string } {
    const encapIp = this.#context.encapIp(this.#host);
    return { bridge: this.#context.bridge, ...(encapIp !== undefined && { encapIp }) };
  }

  async #settle(): Promise<void> {
    this.#isSettling = true;
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false;
      const operations = this.#nextTransaction();
      if (operations) this.#judge(await this.#connection.transact(operations));
    }
    this.#isSettling = false;
  }

  #nextTransaction(): Operations | undefined {
    const { targets } = this.#context;
    const epoch = this.#claim();
    const { replica, peerAddress, localAddress } = this.#connection;
    if (epoch === undefined) {
      this.#trouble = undefined;
      return introduceMembers(replica, targets(localAddress).otherManagers);
    }
    const raise = raiseEpoch(replica, epoch);
    if (!raise) return undefined;
    if (raise.kind === 'raise') return raise.operations;
    if (raise.kind === 'superseded') {
      this.#complain(
        `a newer controller (epoch ${raise.storedEpoch}) owns this switch, ours is ${epoch}; if that one is gone for good, remove external_ids:weir-epoch`,
      );
      return undefined;
    }
    const wanted = hostTransaction(replica, { ...this.#settings(), ...targets(localAddress), epoch, peerAddress });
    if (!wanted) this.#trouble = undefined;
    const nudge = this.#isNudged ? new TransactionBuilder(epoch).comment('weir: controller connected').raiseNextCfg().build() : undefined;
    this.#isNudged = false;
    return wanted ?? nudge;
  }

  #judge(result: TransactResult): void {
    if (result.kind === 'committed') this.#trouble = undefined;
    else if (result.kind === 'refused' && (result.code === 'guard-failed' || result.code === 'fenced')) return;
    else this.#complain(result.kind === 'refused' ? `${result.code}: ${result.error} ${result.details}`.trim() : result.reason);
  }

  #complain(reason: string): void {
    if (this.#trouble === reason) return;
    this.#trouble = reason;
    this.#handlers.onTrouble(reason);
  }
}
