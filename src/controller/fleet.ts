import type { OvsdbConnection } from '../../flows/io/ovsdb.ts';
import type { HostFacts } from '../../flows/ovsdb/index.ts';
import type { HostChange } from '../../policies/compiled.ts';
import type { Revision } from '../../cluster/store/port.ts';
import { reasonOf } from '../base/errors.ts';
import { Host } from './host.ts';
import type { HostContext } from './host.ts';
import type { SwitchConnection } from '../../flows/io/openflow.ts';

/** What the fleet tells the store: that a host exists, and its tunnel address. */
export interface HostRegistry {
  register(host: string, encapIp: string): Promise<unknown>;
}

export interface FleetContext extends Omit<HostContext, 'learned'> {
  readonly registry: HostRegistry;
}

/** Bounds connections of switches that nobody has introduced yet. */
const strangersMax = 1_024;

/**
 * All hypervisors. A database connection introduces its host by `system-id`; an OpenFlow connection belongs to the host whose bridge
 * has its datapath id, and waits until one says so.
 */
export class Fleet {
  readonly #context: FleetContext;
  readonly #hosts = new Map<string, Host>();
  readonly #byDatapathId = new Map<string, Host>();
  readonly #strangers = new Map<string, SwitchConnection>();
  /** What was last registered, so that each change of the database does not become a write. */
  readonly #registered = new Map<string, string>();

  constructor(context: FleetContext) {
    this.#context = context;
  }

  get hosts(): ReadonlyMap<string, Host> {
    return this.#hosts;
  }

  /** The host's state, made when it is first heard of: by a placement or by its switch. */
  host(name: string): Host {
    let host = this.#hosts.get(name);
    if (!host) {
      host = new Host(name, { ...this.#context, learned: (changed, facts) => this.#learned(changed, facts) });
      this.#hosts.set(name, host);
    }
    return host;
  }

  /** @returns milliseconds spent on meters */
  apply(changes: readonly HostChange[], revision: Revision): number {
    let qosMs = 0;
    for (const change of changes) qosMs += this.host(change.host).apply(change, revision);
    return qosMs;
  }

  /** A switch's database is connected and read. Its `system-id` may come later. */
  introduceOvsdb(connection: OvsdbConnection): void {
    const known = (): boolean => {
      const name = connection.replica.root?.external_ids.get('system-id');
      if (!name) return false;
      this.#admit(name, connection);
      return true;
    };
    if (known()) return;
    this.#context.event({
      kind: 'switch-refused',
      address: connection.peerAddress,
      reason: 'external_ids:system-id is missing; it is taken in as soon as it has one',
    });
    const forget = connection.onChange(() => {
      if (known()) forget();
    });
  }

  #admit(name: string, connection: OvsdbConnection): void {
    const refuse = (reason: string): void => {
      this.#context.event({ kind: 'switch-refused', host: name, address: connection.peerAddress, reason });
      connection.close();
    };
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return refuse('its system-id is no DNS label');
    if (connection.certificateName !== undefined && !connection.certificateNames.includes(name)) {
      return refuse(`its certificate is for ${connection.certificateNames.join(', ')}`);
    }
    const host = this.host(name);
    const other = host.ovsdb;
    if (other && other.peerAddress !== connection.peerAddress) {
      return refuse(`its system-id is in use from ${other.peerAddress}`);
    }
    host.attachOvsdb(connection);
    other?.close();
  }

  introduceOpenFlow(connection: SwitchConnection): void {
    const host = this.#byDatapathId.get(connection.datapathId);
    if (host) return this.#join(host, connection);
    if (this.#strangers.size >= strangersMax) {
      this.#context.event({
        kind: 'switch-refused',
        address: connection.peerAddress,
        reason: 'too many switches wait for their database connection',
      });
      connection.close('too many switches wait for their database connection');
      return;
    }
    this.#strangers.get(connection.datapathId)?.close('replaced by a newer connection of the same switch');
    this.#strangers.set(connection.datapathId, connection);
  }

  forgetOpenFlow(connection: SwitchConnection): void {
    if (this.#strangers.get(connection.datapathId) === connection) this.#strangers.delete(connection.datapathId);
  }

  #join(host: Host, connection: SwitchConnection): void {
    if (connection.certificateName !== undefined && !connection.certificateNames.includes(host.name)) {
      const reason = `its certificate is for ${connection.certificateNames.join(', ')}`;
      this.#context.event({ kind: 'switch-refused', host: host.name, address: connection.peerAddress, reason });
      connection.close(reason);
      return;
    }
    host.attachOpenFlow(connection);
  }

  #learned(name: string, facts: HostFacts): void {
    const host = this.host(name);
    this.#register(name, facts.encapIp);
    const { datapathId } = facts;
    if (datapathId === undefined || this.#byDatapathId.get(datapathId) === host) return;
    for (const [id, owner] of this.#byDatapathId) if (owner === host) this.#byDatapathId.delete(id);
    const other = this.#byDatapathId.get(datapathId);
    if (other) {
      this.#context.event({
        kind: 'switch-refused',
        host: name,
        address: facts.encapIp ?? 'unknown',
        reason: `its datapath id ${datapathId} is that of ${other.name}`,
      });
      return;
    }
    this.#byDatapathId.set(datapathId, host);
    const stranger = this.#strangers.get(datapathId);
    if (!stranger) return;
    this.#strangers.delete(datapathId);
    this.#join(host, stranger);
  }

  #register(name: string, encapIp: string | undefined): void {
    if (encapIp === undefined || this.#registered.get(name) === encapIp) return;
    this.#registered.set(name, encapIp);
    this.#context.registry.register(name, encapIp).catch((error: unknown) => {
      this.#registered.delete(name);
      this.#context.event({ kind: 'host-not-registered', host: name, reason: reasonOf(error) });
    });
  }

  /** The Host document is gone and its switch too. */
  forget(name: string): void {
    const host = this.#hosts.get(name);
    if (!host || host.ovsdb) return;
    this.#registered.delete(name);
  }

  close(reason: string): void {
    for (const host of this.#hosts.values()) host.close(reason);
    for (const connection of this.#strangers.values()) connection.close(reason);
  }
}
