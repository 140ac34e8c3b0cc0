import type { VmSpec } from '../model/kinds.ts';
import type { VmNumbers } from '../model/stored.ts';

/** A host that carries an interface, and its conntrack zone there. */
export interface Place {
  readonly host: string;
  readonly zone: number;
}

/** The hosts that carry a VM; the first is where its traffic goes. A VM that is stopped or has no host is nowhere. */
function hostsOf(vm: VmSpec): readonly string[] {
  return vm.power === 'running' && vm.host !== undefined ? [vm.host] : [];
}

/** Hosts without a zone for the interface do not count: the placement was not numbered yet. Copied, because what `flatMap` makes has room for 17. */
export function placesOf(vm: VmSpec, numbers: VmNumbers | undefined, item: string): readonly Place[] {
  const places = hostsOf(vm).flatMap((host) => {
    const zone = numbers?.zones[host]?.[item];
    return zone === undefined ? [] : [{ host, zone }];
  });
  return [...places];
}
