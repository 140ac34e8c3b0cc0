import type { VmNumbers } from '../../../policies/model/index.ts';
import type { Draft } from '../draft.ts';
import { refusal } from '../error.ts';
import { hostCursorKey, scopeOf, vmNumbersKey } from '../keys.ts';
import type { DocumentOfKind } from '../keys.ts';

type Vm = DocumentOfKind<'Vm'>;

const zoneMax = 65_534;

/**
 * A zone for each interface on the host where the VM runs, none elsewhere. Zones go round, so that one that was
 * released comes again only after every other: connections that are left in it have timed out by then.
 */
export function placeZones(draft: Draft, vm: Vm): void {
  const key = vmNumbersKey(vm.metadata.tenant ?? '', vm.metadata.name);
  const { host, power, interfaces } = vm.spec;
  const before = draft.value(key);
  if (power !== 'running' || host === undefined) {
    removeZones(draft, vm);
    return;
  }
  const present = new Map(Object.entries(before?.zones[host] ?? {}));
  const zones: [string, number][] = [];
  for (const { name } of interfaces) {
    const zone = present.get(name) ?? nextZone(draft, host, new Set(zones.map(([, taken]) => taken)));
    zones.push([name, zone]);
  }
  const after: VmNumbers = { zones: { [host]: Object.fromEntries(zones) } };
  const kept = zones.filter(([name]) => present.has(name)).length;
  if (kept < present.size) touchHost(draft, host);
  draft.write(key, after);
}

export function removeZones(draft: Draft, vm: Vm): void {
  const key = vmNumbersKey(vm.metadata.tenant ?? '', vm.metadata.name);
  for (const host of Object.keys(draft.value(key)?.zones ?? {})) touchHost(draft, host);
  draft.write(key, undefined);
}

/** Who takes a zone that became free rests on the request that freed it. */
const touchHost = (draft: Draft, host: string): void => draft.touch(scopeOf(hostCursorKey(host)));

function nextZone(draft: Draft, host: string, alsoTaken: ReadonlySet<number>): number {
  const taken = draft.working.placements.zonesOf(host);
  const cursorKey = hostCursorKey(host);
  const last = draft.value(cursorKey)?.zone ?? 0;
  for (let step = 1; step <= zoneMax; step++) {
    const zone = ((last + step - 1) % zoneMax) + 1;
    if (taken.has(zone) || alsoTaken.has(zone)) continue;
    draft.write(cursorKey, { zone });
    return zone;
  }
  throw refusal('pool-exhausted', '/spec/host', `host ${host} has ${zoneMax} interfaces, which is all that it can tell apart`);
}
