import type { SpecOf } from '../../policies/model/index.ts';
import { reasonOf } from '../base/errors.ts';
import type { ControllerEvent } from './ports.ts';
import type { Host as AnyHost } from './host.ts';

/** What the fleet tells the store: that a host exists, and its tunnel address. */
export interface HostRegistry {
  register(host: string, encapIp: string): Promise<unknown>;
}

/** What is to be known of a host. */
type Host = Pick<AnyHost, 'name' | 'object'>;

export interface RegistrationsContext {
  readonly registry: HostRegistry;
  readonly hostSpec: (host: string) => SpecOf<'Host'> | undefined;
  readonly event: (event: ControllerEvent) => void;
}

/** A host that says another tunnel address than is stored: being registered, refused, or left alone because a user deleted it. */
interface Registration {
  readonly host: Host;
  encapIp: string;
  state: 'under-way' | 'refused' | 'suspended';
}

const suspendedWarning =
  'its document was deleted while it was connected: nothing can be placed here until it connects again, or its document is put; to be rid of it, "ovs-vsctl del-manager" there';

/**
 * Brings to the store what switches say of themselves, once for each difference. A refusal, such as a tunnel address that another
 * host has, stands as an objection on the host and is tried again when some Host document changes.
 */
export class Registrations {
  readonly #context: RegistrationsContext;
  readonly #open = new Map<string, Registration>();

  constructor(context: RegistrationsContext) {
    this.#context = context;
  }

  learned(host: Host, encapIp: string | undefined): void {
    if (encapIp === undefined) return;
    const open = this.#open.get(host.name);
    const stored = this.#context.hostSpec(host.name);
    if (stored?.encapIp === encapIp || stored?.encapIpFrom === 'user') {
      if (open?.state === 'refused') this.forget(host);
      return;
    }
    if (this.isSuspended(host) || open?.encapIp === encapIp) return;
    void this.#register({ host, encapIp, state: 'under-way' });
  }

  async #register(registration: Registration): Promise<void> {
    const { host, encapIp } = registration;
    registration.state = 'under-way';
    this.#open.set(host.name, registration);
    let refusal: string | undefined;
    try {
      await this.#context.registry.register(host.name, encapIp);
    } catch (error) {
      refusal = `its tunnel address ${encapIp} is not taken: ${reasonOf(error)}`;
    }
    if (this.#open.get(host.name) !== registration) return;
    if (refusal === undefined) return this.forget(host);
    registration.state = 'refused';
    host.object('registration', refusal);
    this.#context.event({ kind: 'host-not-registered', host: host.name, reason: refusal });
  }

  retry(): void {
    for (const registration of this.#open.values()) if (registration.state === 'refused') void this.#register(registration);
  }

  /** A user deleted the document of a connected host: it comes back when the host connects again, or with a document that a user puts. */
  suspend(host: Host): void {
    this.#open.set(host.name, { host, encapIp: '', state: 'suspended' });
    host.object('registration', suspendedWarning);
  }

  isSuspended(host: Host): boolean {
    return this.#open.get(host.name)?.state === 'suspended';
  }

  resume(host: Host): void {
    if (this.isSuspended(host)) this.forget(host);
  }

  forget(host: Host): void {
    this.#open.delete(host.name);
    host.object('registration', undefined);
  }
}
