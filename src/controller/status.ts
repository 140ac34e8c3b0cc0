import type { Kind } from '../../policies/model/index.ts';
import { portIdOf, resolveName } from '../../policies/model/index.ts';
import { portOwner } from '../../flows/render/index.ts';
import type { Element, ElementKey } from '../../policies/compiled.ts';
import { parseMac } from '../base/addresses.ts';
import type { ResourceId, Snapshot } from '../admission/ports.ts';
import type { Fleet } from './fleet.ts';
import type { Host } from './host.ts';
import type { Effect, HostStatus, InterfaceStatus, Seen, SwitchError } from './ports.ts';

/** Status as it is at the moment of asking: nothing of it is stored. */
export class Status implements Seen {
  readonly #fleet: Fleet;
  readonly #snapshot: () => Snapshot;

  constructor(fleet: Fleet, snapshot: () => Snapshot) {
    this.#fleet = fleet;
    this.#snapshot = snapshot;
  }

  effectOf({ kind, tenant, name }: ResourceId): Effect {
    return {
      errors: this.errorsOf(kind, tenant, name),
      interfaces: kind === 'Vm' ? this.interfaceStatus(tenant ?? '', name) : [],
      host: kind === 'Host' ? this.hostStatus(name) : undefined,
    };
  }

  hostStatus(name: string): HostStatus | undefined {
    return this.#fleet.hosts.get(name)?.status();
  }

  hosts(): readonly HostStatus[] {
    return [...this.#fleet.hosts.values()].map((host) => host.status()).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  interfaceStatus(tenant: string, name: string): readonly InterfaceStatus[] {
    const vm = this.#snapshot().get('Vm', tenant, name)?.document;
    if (!vm) return [];
    const { power, host: hostName, interfaces } = vm.spec;
    const host = power === 'running' && hostName !== undefined ? this.#fleet.hosts.get(hostName) : undefined;
    return interfaces.map((item) => {
      const portId = portIdOf(vm, item.name);
      if (power !== 'running' || hostName === undefined) return { name: item.name, portId, phase: 'stopped' };
      return { name: item.name, portId, host: hostName, ...this.#phase(portId, host) };
    });
  }

  #phase(portId: string, host: Host | undefined): Pick<InterfaceStatus, 'phase' | 'ofport' | 'reason'> {
    const binding = host?.bindings.get(portId);
    if (host && binding) {
      if (binding.kind === 'unbound') return { phase: 'pending', reason: binding.reason };
      const { ofport } = binding;
      return host.isActive(portId) ? { phase: 'active', ofport } : { phase: 'pending', ofport, reason: host.waitingReason() };
    }
    const [elsewhere] = this.#fleet.plugged.on(portId);
    if (elsewhere) return { phase: 'wrong-host', reason: `wrong-host: the port is plugged on ${elsewhere.name}` };
    if (!host) return { phase: 'pending', reason: 'the host has never connected' };
    if (!host.isPrepared(portId)) return { phase: 'pending', reason: host.waitingReason() };
    return { phase: 'prepared', reason: 'the port is not plugged yet' };
  }

  errorsOf(kind: Kind, tenant: string | undefined, name: string): readonly SwitchError[] {
    const erring = this.#fleet.erring().filter((host) => kind !== 'Host' || host.name === name);
    const concerned = erring.length === 0 ? undefined : this.#concerns(kind, tenant, name);
    return concerned ? erring.flatMap((host) => host.errors().filter(({ element }) => concerned(element, host))) : [];
  }

  /** Whether an element on a host is made of a resource. */
  #concerns(kind: Kind, tenant: string | undefined, name: string): ((key: ElementKey, host: Host) => boolean) | undefined {
    const snapshot = this.#snapshot();
    switch (kind) {
      case 'Host':
        return () => true;
      case 'Tenant': {
        const number = snapshot.tenantNumbers(name)?.tenant;
        return (key) => key === `tenant/${number}`;
      }
      case 'Network': {
        const vni = snapshot.get('Network', tenant, name)?.document.spec.vni;
        return (key) => key === `network/${vni}` || key === `flood/${vni}` || key.startsWith(`neighbour/${vni}/`);
      }
      case 'Policy': {
        const numbers = snapshot.policyNumbers(tenant, name);
        const ids = new Set([...(numbers?.ingress ?? []), ...(numbers?.egress ?? [])].map((rule) => String(rule.id)));
        return (key) => key.startsWith('rule/') && ids.has(key.slice(key.lastIndexOf('/') + 1));
      }
      case 'Vm': {
        const vm = snapshot.get('Vm', tenant, name)?.document;
        if (!vm) return undefined;
        const own = new Set<ElementKey>();
        const places = new Set<string>();
        for (const item of vm.spec.interfaces) {
          const portId = portIdOf(vm, item.name);
          own.add(`interface/${portId}`).add(portOwner(portId));
          const network = resolveName(tenant, item.network);
          places.add(`${snapshot.get('Network', network.tenant, network.name)?.document.spec.vni}/${parseMac(item.mac)}`);
        }
        return (key, host) => own.has(key) || isAt(host.flows.elements.get(key), places);
      }
      default:
        return undefined;
    }
  }
}

/** Whether it tells where, or who, an interface in one of these places is: `VNI/MAC`. */
const isAt = (element: Element | undefined, places: ReadonlySet<string>): boolean =>
  (element?.kind === 'neighbour' || element?.kind === 'identity') && places.has(`${element.vni}/${element.mac}`);
