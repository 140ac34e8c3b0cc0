import type { OwnerHandlers, SwitchConnection } from '../../flows/io/openflow.ts';
import type { Reconciler } from '../../flows/reconcile/index.ts';
import type { HostFlows } from './desired.ts';
import type { ControllerEvent } from './ports.ts';
import type { SwitchError } from './ports.ts';
import type { Realization } from './realization.ts';
import { Refusals } from './refusals.ts';
import { Responder } from './responder.ts';
import type { ResponderContext } from './responder.ts';

const strayNamesMax = 64;

export interface SwitchContext extends ResponderContext {
  readonly realization: Realization;
  readonly event: (event: ControllerEvent) => void;
}

export interface SwitchHandlers {
  /** Whether another member has taken the switch in a later epoch: then losing it is in order. */
  isSucceeded(): boolean;
  onOwned(): void;
  /** It refused something. */
  onErrors(): void;
  /** What the switch carries out may be more, or unknown again. */
  onProgress(): void;
}

/**
 * A hypervisor's switch over whatever OpenFlow connection it has at present: attached as a slave, then owned, then resynced when
 * the difference between what it had and what it should have is carried out.
 */
export class HostSwitch {
  readonly #host: string;
  readonly #context: SwitchContext;
  readonly #reconciler: Reconciler;
  readonly #refusals: Refusals;
  readonly #handlers: SwitchHandlers;
  readonly #responder: Responder;
  #connection: SwitchConnection | undefined;
  /** Since when, and in which epoch; undefined while the connection is not owned. */
  #owned: { readonly epoch: number; readonly sinceMs: number } | undefined;
  #attachedMs = 0;
  #isResynced = false;
  #driftRepaired = 0;
  /** Why the connection before this one ended; forgotten once the switch is resynced. */
  #trouble: string | undefined;
  /** Errors that answer nothing that is waited for, on this connection by name. */
  readonly #strayErrors = new Map<string, { count: number; told: number }>();

  constructor(host: string, context: SwitchContext, reconciler: Reconciler, flows: HostFlows, handlers: SwitchHandlers) {
    this.#host = host;
    this.#context = context;
    this.#reconciler = reconciler;
    this.#refusals = new Refusals(reconciler, flows);
    this.#handlers = handlers;
    this.#responder = new Responder(context, { name: host, interfaceAt: (zone) => flows.interfaceAt(zone), elements: flows.elements });
  }

  get connection(): SwitchConnection | undefined {
    return this.#connection;
  }

  /** Since when the connection is owned, once everything that the switch has is known; undefined before. */
  get steadySinceMs(): number | undefined {
    return this.#connection?.state === 'steady' ? this.#owned?.sinceMs : undefined;
  }

  /** Since when the connection is there, while it is another member's switch; undefined before it is known, and while it is ours. */
  get followingSinceMs(): number | undefined {
    return this.#connection?.state === 'following' ? this.#attachedMs : undefined;
  }

  /** Flows and settings that somebody else changed and that were put right. */
  get driftRepaired(): number {
    return this.#driftRepaired;
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  get hasErrors(): boolean {
    return !this.#refusals.isEmpty;
  }

  errors(): readonly Omit<SwitchError, 'host'>[] {
    return this.#refusals.list();
  }

  attach(connection: SwitchConnection): void {
    const before = this.#connection;
    this.#connection = connection;
    this.#attachedMs = this.#context.clock.nowMs();
    this.#owned = undefined;
    this.#isResynced = false;
    this.#strayErrors.clear();
    // Released first: what it knew of the switch must be forgotten before the new connection begins to learn.
    before?.release();
    before?.close('replaced by a newer connection of the same switch');
  }

  /** MASTER is asked for only when the epoch stands in the switch's database: a stale owner is fenced off by both. A later one renews the claim. */
  own(epoch: number): void {
    const connection = this.#connection;
    if (!connection || (this.#owned && this.#owned.epoch >= epoch)) return;
    const { clock, event } = this.#context;
    const wasOwned = this.#owned !== undefined;
    this.#owned = { epoch, sinceMs: this.#owned?.sinceMs ?? clock.nowMs() };
    if (!wasOwned) {
      event({ kind: 'switch-connected', host: this.#host, openflow: connection.version, address: connection.peerAddress });
      this.#handlers.onOwned();
    }
    connection.own(this.#reconciler, epoch, this.#ownerOf(connection));
  }

  #ownerOf(connection: SwitchConnection): OwnerHandlers {
    const { clock, event } = this.#context;
    const host = this.#host;
    return {
      onProgress: () => this.#progress(),
      onRefused: (refused) => {
        this.#refusals.note(refused, new Date(clock.wallMs()).toISOString());
        this.#handlers.onErrors();
        for (const each of refused)
          event({ kind: 'openflow-error', host, element: this.#refusals.elementOf(each), error: `${each.command}: ${each.error}` });
      },
      onDrift: (what, { added, removed, changed }) => {
        const count = added + removed + changed;
        this.#driftRepaired += count;
        event({ kind: 'drift-repaired', host, what, count });
      },
      onPacketIn: (packet) => this.#responder.receive(packet, (answer) => connection.packetOut(answer)),
      onSwitchError: (name) => this.#stray(name),
      onClosed: (reason) => this.#ended(connection, reason),
      onLost: () => {
        if (!this.#handlers.isSucceeded()) return 'close';
        this.yield();
        return undefined;
      },
    };
  }

  /** It is another member's now: this one stays connected, as a slave that says nothing. */
  yield(): void {
    if (!this.#owned) return;
    this.#owned = undefined;
    this.#isResynced = false;
    this.#connection?.release();
    this.#handlers.onProgress();
  }

  kick(): void {
    this.#connection?.kick();
  }

  /** A connection that was never owned ended, or one that never came so far as to be attached. */
  ended(reason: string): void {
    if (this.#connection?.state === 'closed') this.#ended(this.#connection, reason);
    else if (!this.#connection) this.#trouble = `the last OpenFlow connection ended: ${reason}`;
  }

  #ended(connection: SwitchConnection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#owned = undefined;
    this.#trouble = `the last OpenFlow connection ended: ${reason}`;
    this.#context.event({ kind: 'switch-disconnected', host: this.#host, reason });
    this.#handlers.onProgress();
  }

  #progress(): void {
    this.#handlers.onProgress();
    if (!this.#isResynced && this.#owned && this.#reconciler.realized !== undefined) {
      this.#isResynced = true;
      this.#trouble = undefined;
      this.#context.event({
        kind: 'resynced',
        host: this.#host,
        revision: this.#context.realization.realizedBy(this.#host),
        flowsSent: this.#connection?.counts().flowMods ?? 0,
        durationMs: Math.round(this.#context.clock.nowMs() - this.#owned.sinceMs),
      });
    }
  }

  /** A switch can send any number of these: each name is told at the first, the tenth, the hundredth time and so on. */
  #stray(code: string): void {
    const name = this.#strayErrors.has(code) || this.#strayErrors.size < strayNamesMax ? code : 'others';
    const seen = this.#strayErrors.get(name) ?? { count: 0, told: 0 };
    this.#strayErrors.set(name, seen);
    seen.count++;
    if (seen.told > 0 && seen.count < seen.told * 10) return;
    this.#context.event({ kind: 'openflow-error', host: this.#host, element: 'switch', error: name, count: seen.count - seen.told });
    seen.told = seen.count;
  }

  /** Why not everything is carried out, as far as it is about the connection. */
  waitingReason(): string | undefined {
    const because = this.#trouble === undefined ? '' : `; ${this.#trouble}`;
    if (!this.#connection) return `OpenFlow is not connected${because}`;
    if (!this.#owned) return `the epoch is being stored in the switch's database${because}`;
    if (!this.#reconciler.known) return `the installed flows are being read${because}`;
    return undefined;
  }

  close(reason: string): void {
    this.#connection?.close(reason);
  }
}
