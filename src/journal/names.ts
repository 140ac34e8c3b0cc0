import type { Direction, RuleAction, Tier } from '../../policies/compiled.ts';
import { portIdOf, resolveName } from '../../policies/model/index.ts';
import type { Document } from '../../policies/model/index.ts';
import type { Committed, ResourceId, Snapshot } from '../admission/ports.ts';
import { formatMac } from '../base/addresses.ts';
import type { Mac } from '../base/addresses.ts';

/** A rule by its number. */
export interface NamedRule {
  /** Undefined: the platform's. */
  readonly owner: string | undefined;
  readonly policy: string;
  readonly tier: Tier;
  readonly rule: number;
  readonly direction: Direction;
  readonly action: RuleAction;
}

export interface NamedInterface {
  readonly tenant: string;
  readonly vm: string;
  readonly interface: string;
  readonly network: string;
}

type Vm = Extract<Document, { kind: 'Vm' }>;

/** What numbers, port ids and MACs stand for in what is stored. Follows commits. */
export class Names {
  readonly #snapshot: () => Snapshot;
  readonly #rules = new Map<number, NamedRule>();
  readonly #idsOfPolicy = new Map<string, readonly number[]>();
  readonly #ports = new Map<string, NamedInterface>();
  /** Different networks can have the same MAC. */
  readonly #macs = new Map<string, Set<NamedInterface>>();
  readonly #interfacesOfVm = new Map<string, readonly (readonly [string, string, NamedInterface])[]>();

  constructor(snapshot: () => Snapshot) {
    this.#snapshot = snapshot;
    for (const { document } of snapshot().list('Policy')) this.#readPolicy(document.metadata.tenant, document.metadata.name);
    for (const { document } of snapshot().list('Vm')) this.#readVm(document.metadata.tenant, document.metadata.name);
  }

  committed({ documents, numbers }: Committed): void {
    for (const id of [...documents.map((document) => document.id), ...numbers]) this.#readAgain(id);
  }

  rule(id: number): NamedRule | undefined {
    return this.#rules.get(id);
  }

  port(portId: string): NamedInterface | undefined {
    return this.#ports.get(portId);
  }

  /** The interface with a MAC in the network of that VNI. */
  at(vni: number, mac: Mac): NamedInterface | undefined {
    for (const named of this.#macs.get(formatMac(mac)) ?? []) {
      const network = resolveName(named.tenant, named.network);
      if (this.#snapshot().get('Network', network.tenant, network.name)?.document.spec.vni === vni) return named;
    }
    return undefined;
  }

  #readAgain({ kind, tenant, name }: ResourceId): void {
    if (kind === 'Policy') this.#readPolicy(tenant, name);
    if (kind === 'Vm') this.#readVm(tenant, name);
  }

  #readPolicy(owner: string | undefined, policy: string): void {
    const key = `${owner ?? ''}/${policy}`;
    for (const id of this.#idsOfPolicy.get(key) ?? []) this.#rules.delete(id);
    this.#idsOfPolicy.delete(key);
    const spec = this.#snapshot().get('Policy', owner, policy)?.document.spec;
    const numbers = this.#snapshot().policyNumbers(owner, policy);
    if (!spec || !numbers) return;
    const ids: number[] = [];
    for (const direction of ['ingress', 'egress'] as const) {
      for (const [rule, { action }] of spec[direction].entries()) {
        const id = numbers[direction][rule]?.id;
        if (id === undefined) continue;
        ids.push(id);
        this.#rules.set(id, { owner, policy, tier: spec.tier, rule, direction, action });
      }
    }
    this.#idsOfPolicy.set(key, ids);
  }

  #readVm(tenant: string | undefined, name: string): void {
    const key = `${tenant ?? ''}/${name}`;
    for (const [portId, mac, named] of this.#interfacesOfVm.get(key) ?? []) {
      if (this.#ports.get(portId) === named) this.#ports.delete(portId);
      const sharing = this.#macs.get(mac);
      sharing?.delete(named);
      if (sharing?.size === 0) this.#macs.delete(mac);
    }
    this.#interfacesOfVm.delete(key);
    const vm = this.#snapshot().get('Vm', tenant, name)?.document;
    if (vm && tenant !== undefined) this.#interfacesOfVm.set(key, this.#addInterfaces(tenant, vm));
  }

  #addInterfaces(tenant: string, vm: Vm): readonly (readonly [string, string, NamedInterface])[] {
    return vm.spec.interfaces.map(({ name, network, mac }) => {
      const named = { tenant, vm: vm.metadata.name, interface: name, network };
      const portId = portIdOf(vm, name);
      this.#ports.set(portId, named);
      const sharing = this.#macs.get(mac) ?? new Set();
      this.#macs.set(mac, sharing.add(named));
      return [portId, mac, named] as const;
    });
  }
}
