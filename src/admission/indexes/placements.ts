import type { VmNumbers } from '../../../policies/model/index.ts';
import type { DocumentOfKind, Key } from '../keys.ts';
import { Holders } from './holders.ts';

/** Zones in use by host, and hosts by tunnel address. */
export class Placements {
  readonly #zones = new Map<string, Holders<number, Key>>();
  readonly #encapIps = new Holders<string, Key>();

  changeZones(key: Key, before: VmNumbers | undefined, after: VmNumbers | undefined): void {
    for (const [host, zones] of Object.entries(before?.zones ?? {})) {
      const taken = this.#zones.get(host);
      for (const zone of Object.values(zones)) taken?.remove(zone, key);
      if (taken?.all.size === 0) this.#zones.delete(host);
    }
    for (const [host, zones] of Object.entries(after?.zones ?? {})) {
      const taken = this.#zones.get(host) ?? new Holders<number, Key>();
      this.#zones.set(host, taken);
      for (const zone of Object.values(zones)) taken.add(zone, key);
    }
  }

  changeHost(key: Key, before: DocumentOfKind<'Host'> | undefined, after: DocumentOfKind<'Host'> | undefined): void {
    const [old, now] = [before?.spec.encapIp, after?.spec.encapIp];
    if (old === now) return;
    if (old !== undefined) this.#encapIps.remove(old, key);
    if (now !== undefined) this.#encapIps.add(now, key);
  }

  zonesOf(host: string): ReadonlyMap<number, Key> {
    return this.#zones.get(host)?.all ?? none;
  }

  hostAt(encapIp: string): Key | undefined {
    return this.#encapIps.all.get(encapIp);
  }
}

const none: ReadonlyMap<number, Key> = new Map();
