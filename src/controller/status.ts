import type { Kind } from '../../policies/model/index.ts';
import { portIdOf } from '../../policies/model/index.ts';
import type { ElementKey } from '../../policies/compiled.ts';
import { parseMac } from '../base/addresses.ts';
import type { Snapshot } from '../admission/ports.ts';
import type { Fleet } from './fleet.ts';
import type { Host } from './host.ts';
import type { HostStatus, InterfaceStatus, Read, SwitchError } from './ports.ts';

/** Status as it is at the moment of asking: nothing of it is stored. */
export class Status implements Read {
  readonly #fleet: Fleet;
  readonly #snapshot: () => Snapshot;

  constructor(fleet: Fleet, snapshot: () => Snapshot) {
    this.#fleet = fleet;
    this.#snapshot = snapshot;
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
    const ofport = host?.ofportOf(portId);
    if (host && ofport !== undefined) {
      if (host.isActive(portId)) return { phase: 'active', ofport };
      return { phase: 'pending', ofport, reason: host.waitingReason() };
    }
    const elsewhere = [...this.#fleet.hosts.values()].find((other) => other.ofportOf(portId) !== undefined);
    if (elsewhere) return { phase: 'wrong-host', reason: `wrong-host: the port is plugged on ${elsewhere.name}` };
    if (!host) return { phase: 'pending', reason: 'the host has never connected' };
    if (!host.isPrepared(portId)) return { phase: 'pending', reason: host.waitingReason() };
    return { phase: 'prepared', reason: 'the port is not plugged yet' };
  }

  errorsOf(kind: Kind, tenant: string | undefined, name: string): readonly SwitchError[] {
    const concerned = this.#concerns(kind, tenant, name);
    if (!concerned) return [];
    const hosts = kind === 'Host' ? [this.#fleet.hosts.get(name)].filter((host) => host !== undefined) : [...this.#fleet.hosts.values()];
    return hosts.flatMap((host) => host.errors().filter((error) => concerned(error.element)));
  }

  /** Whether an element is made of a resource. */
  #concerns(kind: Kind, tenant: string | undefined, name: string): ((key: ElementKey) => boolean) | undefined {
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
        const ends = vm.spec.interfaces.flatMap((item) => [
          `interface/${portIdOf(vm, item.name)}`,
          `port/${portIdOf(vm, item.name)}`,
          `/${parseMac(item.mac)}`,
        ]);
        return (key) => ends.some((end) => key === end || (key.startsWith('neighbour/') && key.endsWith(end)));
      }
      default:
        return undefined;
    }
  }
}
