import type { HostSpec } from '../../../policies/model/index.ts';
import type { Draft } from '../draft.ts';
import { idOf } from '../draft.ts';
import { refusal } from '../error.ts';
import { documentKey, hostCursorKey, hostsScope } from '../keys.ts';
import type { DocumentOfKind } from '../keys.ts';
import { refuseIfUsed } from '../usage.ts';
import type { Handler } from './handler.ts';

type Host = DocumentOfKind<'Host'>;

export const hostHandler: Handler<'Host'> = {
  release: (draft, wanted, before) => {
    if (wanted.spec.encapIp !== undefined && wanted.spec.encapIp !== before.spec.encapIp)
      draft.write(documentKey('Host', undefined, before.metadata.name), without(before));
  },

  resolve: (draft, wanted, before) => {
    const { encapIp, ...spec } = wanted.spec;
    if (encapIp === null) return spec;
    if (encapIp === undefined) return { ...spec, ...encapOf(before) };
    checkEncapIp(draft, wanted.name, encapIp, '/spec/encapIp');
    return { ...spec, encapIp, encapIpFrom: before?.spec.encapIp === encapIp ? (before.spec.encapIpFrom ?? 'user') : 'user' };
  },

  changed: (draft, before, after) => {
    if (before?.spec.encapIp !== after?.spec.encapIp) draft.touch(hostsScope);
    if (before === undefined || after !== undefined) return;
    draft.write(hostCursorKey(before.metadata.name), undefined);
    draft.defer(() => refuseIfUsed(draft, before));
  },
};

function without(host: Host): Host {
  const { encapIp: _address, encapIpFrom: _from, ...spec } = host.spec;
  return { ...host, spec };
}

const encapOf = (host: Host | undefined): Pick<HostSpec, 'encapIp' | 'encapIpFrom'> =>
  host?.spec.encapIp === undefined ? {} : { encapIp: host.spec.encapIp, encapIpFrom: host.spec.encapIpFrom ?? 'user' };

/** Two hosts with one tunnel address would take each other's packets. */
function checkEncapIp(draft: Draft, host: string, encapIp: string, pointer: string): void {
  const holder = draft.working.placements.hostAt(encapIp);
  if (holder === undefined || holder === documentKey('Host', undefined, host)) return;
  throw refusal('address-in-use', pointer, `${encapIp} is the tunnel address of host ${idOf(holder).name}`, [idOf(holder)]);
}

/** What a host is once its switch has said its tunnel address: a user's own setting goes before it. */
export function registeredSpec(draft: Draft, name: string, encapIp: string, before: Host | undefined): HostSpec {
  if (before?.spec.encapIp !== undefined && before.spec.encapIpFrom !== 'switch') return before.spec;
  checkEncapIp(draft, name, encapIp, '/encapIp');
  return { schedulable: true, ...before?.spec, encapIp, encapIpFrom: 'switch' };
}
