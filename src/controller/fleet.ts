import type { OvsdbConnection } from '../../flows/io/ovsdb.ts';
import type { OpenFlowEnd, SwitchConnection } from '../../flows/io/openflow.ts';
import type { HostFacts } from '../../flows/ovsdb/index.ts';
import type { HostChange } from '../../policies/compiled.ts';
import type { SpecOf } from '../../policies/model/index.ts';
import type { Revision } from '../../cluster/store/port.ts';
import type { CoOwners } from './co-owners.ts';
import { Changeover } from './changeover.ts';
import { Host } from './host.ts';
import type { HostContext } from './host.ts';
import { PluggedPorts } from './plugged.ts';
import { Registrations } from './registrations.ts';
import type { HostRegistry } from './registrations.ts';

export interface FleetContext extends Omit<HostContext, 'learned' | 'erred' | 'left' | 'encapIp'> {
  readonly registry: HostRegistry;
  readonly coOwners: CoOwners;
  /** As stored. */
  readonly hostSpec: (host: string) => SpecOf<'Host'> | undefined;
}

/** Bounds connections of switches that nobody has introduced yet. */
const strangersMax = 1_024;
const namePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * All hypervisors. A database connection introduces its host by `system-id`; an OpenFlow connection belongs to the host whose bridge
 * has its datapath id, and waits until one says so.
 */
export class Fleet {
  readonly #context: FleetContext;
  readonly #registrations: Registrations;
  readonly #changeover: Changeover;
  readonly #hosts = new Map<string, Host>();
  readonly #byDatapathId = new Map<string, Host>();
  /** Hosts whose datapath id another one has. */
  readonly #contenders = new Set<Host>();
  /** All hosts that have errors, and some that had. */
  readonly #erring = new Set<Host>();
  readonly plugged = new PluggedPorts<Host>();
  readonly #strangers = new Map<string, SwitchConnection>();

  constructor(context: FleetContext) {
    this.#context = context;
    this.#registrations = new Registrations(context);
    this.#changeover = new Changeover(context.realization, (name) => this.hostNamed(name), context.coOwners);
  }

  /** Hosts that have errors. */
  erring(): readonly Host[] {
    for (const host of this.#erring) if (!host.hasErrors) this.#erring.delete(host);
    return [...this.#erring];
  }

  get hosts(): ReadonlyMap<string, Host> {
    return this.#hosts;
  }

  /** The host's state, made when it is first heard of: by a placement or by its switch. */
  hostNamed(name: string): Host {
    let host = this.#hosts.get(name);
    if (!host) {
      host = new Host(name, {
        ...this.#context,
        // What was learned from the switch is asked of the switch again, so that it can change there.
        encapIp: () => {
          const spec = this.#context.hostSpec(name);
          return spec?.encapIpFrom === 'user' ? spec.encapIp : undefined;
        },
        learned: (learner, facts, bindings) => {
          this.plugged.moved(learner, bindings, learner.bindings);
          this.#learned(learner, facts);
        },
        erred: (erring) => this.#erring.add(erring),
        left: (leaver) => this.#left(leaver),
      });
      this.#hosts.set(name, host);
    }
    return host;
  }

  /** @returns milliseconds spent on meters by what was handed over at once */
  apply(changes: readonly HostChange[], revision: Revision, isShared = true): number {
    return this.#changeover.apply(changes, revision, isShared);
  }

  ownershipChanged(isWhole: boolean): void {
    for (const host of this.#hosts.values()) host.ownershipChanged(isWhole);
  }

  /** Where members are found changed. */
  membersMoved(): void {
    for (const host of this.#hosts.values()) if (host.isOwned) host.refresh();
  }

  /** Host documents changed. A tunnel address that was in use may be free now. */
  documentsChanged(changed: readonly { readonly name: string; readonly isDeleted: boolean }[]): void {
    for (const { name, isDeleted } of changed) {
      const host = this.#hosts.get(name);
      if (host === undefined) continue;
      if (!isDeleted) {
        this.#registrations.resume(host);
        host.refresh();
      } else if (host.databaseAddress === undefined) this.#forget(name);
      else this.#registrations.suspend(host);
    }
    if (changed.length > 0) this.#registrations.retry();
  }

  /** Its database is not connected any more. */
  #left(host: Host): void {
    if (this.#registrations.isSuspended(host)) this.#forget(host.name);
    this.#contend();
  }

  /** Its owner, which is another member, knows it no more: nor does this one, unless it has something of its own to tell. */
  ownerForgot(name: string): void {
    const host = this.#hosts.get(name);
    if (host?.databaseAddress === undefined && this.#context.hostSpec(name) === undefined) this.#forget(name);
  }

  #forget(name: string): void {
    const host = this.#hosts.get(name);
    if (!host) return;
    host.close('the host was deleted');
    this.#hosts.delete(name);
    // By which its owner tells the others, too.
    this.#registrations.forget(host);
    this.#changeover.forget(name);
    this.#contenders.delete(host);
    this.#erring.delete(host);
    this.plugged.moved(host, host.bindings, new Map());
    this.#forgetDatapaths(host);
    this.#context.realization.forget(name);
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
    const reason = 'external_ids:system-id is missing; it is taken in as soon as it has one';
    this.#context.event({ kind: 'switch-refused', address: connection.peerAddress, reason });
    const forget = connection.onChange(() => {
      if (known()) forget();
    });
  }

  #admit(name: string, connection: OvsdbConnection): void {
    const refuse = (reason: string): void => {
      this.#context.event({ kind: 'switch-refused', host: name.slice(0, 64), address: connection.peerAddress, reason });
      connection.close();
    };
    if (!namePattern.test(name)) return refuse('its system-id is no DNS label');
    const wrong = wrongCertificate(name, connection);
    if (wrong !== undefined) return refuse(wrong);
    const address = this.#hosts.get(name)?.databaseAddress;
    if (address !== undefined && address !== connection.peerAddress) return refuse(`its system-id is in use from ${address}`);
    const host = this.hostNamed(name);
    this.#registrations.resume(host);
    host.attachOvsdb(connection);
  }

  introduceOpenFlow(connection: SwitchConnection): void {
    const host = this.#byDatapathId.get(connection.datapathId);
    if (host) return this.#join(host, connection);
    const before = this.#strangers.get(connection.datapathId);
    if (!before && this.#strangers.size >= strangersMax)
      return this.#refuse(connection, undefined, 'too many switches wait for their database connection');
    before?.close('replaced by a newer connection of the same switch');
    this.#strangers.set(connection.datapathId, connection);
  }

  #refuse(connection: SwitchConnection, host: string | undefined, reason: string): void {
    this.#context.event({ kind: 'switch-refused', address: connection.peerAddress, reason, ...(host !== undefined && { host }) });
    connection.close(reason);
  }

  /** @returns the host whose connection ended, where that can be told */
  openflowEnded({ datapathId, peerAddress, code, reason }: OpenFlowEnd): string | undefined {
    if (datapathId !== undefined && this.#strangers.get(datapathId)?.state === 'closed') this.#strangers.delete(datapathId);
    const host = datapathId === undefined ? this.#onlyHostAt(peerAddress) : this.#byDatapathId.get(datapathId);
    host?.switch.ended(`${code}: ${reason}`);
    return host?.name;
  }

  #onlyHostAt(address: string): Host | undefined {
    const there = [...this.#hosts.values()].filter((host) => host.databaseAddress === address);
    return there.length === 1 ? there[0] : undefined;
  }

  #join(host: Host, connection: SwitchConnection): void {
    const wrong = wrongCertificate(host.name, connection);
    if (wrong !== undefined) return this.#refuse(connection, host.name, wrong);
    const before = host.switch.connection;
    if (before?.datapathId === connection.datapathId && before.peerAddress !== connection.peerAddress)
      return this.#refuse(connection, host.name, `its datapath id is in use from ${before.peerAddress}`);
    host.attachOpenFlow(connection);
  }

  #learned(host: Host, facts: HostFacts): void {
    if (host.isOwned) this.#registrations.learned(host, facts.encapIp);
    const { datapathId } = facts;
    if (datapathId === undefined || this.#byDatapathId.get(datapathId) === host) return;
    const other = this.#byDatapathId.get(datapathId);
    if (other?.databaseAddress !== undefined) {
      host.object('datapath', `its datapath id ${datapathId} is that of ${other.name}: set other_config:datapath-id of the bridge`);
      this.#contenders.add(host);
      return;
    }
    other?.switch.close(`its bridge is that of ${host.name} now`);
    host.object('datapath', undefined);
    this.#contenders.delete(host);
    this.#byDatapathId.set(datapathId, host);
    this.#forgetDatapaths(host, datapathId);
    if (host.switch.connection?.datapathId !== datapathId) host.switch.close('its bridge has another datapath id now');
    const stranger = this.#strangers.get(datapathId);
    if (!stranger) return;
    this.#strangers.delete(datapathId);
    this.#join(host, stranger);
  }

  #forgetDatapaths(host: Host, except?: string): void {
    for (const [id, owner] of this.#byDatapathId) if (owner === host && id !== except) this.#byDatapathId.delete(id);
    this.#contend();
  }

  /** A datapath id may be free now. */
  #contend(): void {
    for (const contender of this.#contenders) contender.refresh();
  }

  close(reason: string): void {
    for (const host of this.#hosts.values()) host.close(reason);
    for (const connection of this.#strangers.values()) connection.close(reason);
  }
}

/** Over TLS a switch is who its certificate says. */
function wrongCertificate(name: string, connection: OvsdbConnection | SwitchConnection): string | undefined {
  const { certificateName, certificateNames } = connection;
  if (certificateName === undefined || certificateNames.includes(name)) return undefined;
  return `its certificate is for ${certificateNames.join(', ')}, not for ${name}`;
}
