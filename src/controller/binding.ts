import type { HostFacts } from '../../flows/ovsdb/index.ts';
import { vmUidOf } from '../../policies/model/index.ts';

/** Whether a plugged port may forward, or in words for an operator why not. */
export type Binding = { readonly kind: 'bound'; readonly ofport: number } | { readonly kind: 'unbound'; readonly reason: string };

/** By `iface-id`. */
export type Bindings = ReadonlyMap<string, Binding>;

/**
 * The plugged ports of a host by `iface-id`. Of several with one `iface-id` the first by name counts, and of several that
 * claim one port number: a number stands for one port, whatever the database says.
 */
export function bindingsOf({ interfaces, tunnelOfport }: Pick<HostFacts, 'interfaces' | 'tunnelOfport'>): Bindings {
  const bindings = new Map<string, Binding>();
  const holders = new Map<number, string>(tunnelOfport === undefined ? [] : [[tunnelOfport, 'the tunnel']]);
  for (const port of interfaces) {
    if (bindings.has(port.ifaceId)) continue;
    const holder = port.ofport === undefined ? undefined : holders.get(port.ofport);
    if (port.ofport !== undefined && holder === undefined) holders.set(port.ofport, port.name);
    bindings.set(port.ifaceId, bindingOf(port, holder));
  }
  return bindings;
}

function bindingOf(port: HostFacts['interfaces'][number], holder: string | undefined): Binding {
  const { ifaceId, ifaceIdVer, name, ofport, error } = port;
  const unbound = (reason: string): Binding => ({ kind: 'unbound', reason });
  if (ifaceIdVer !== undefined && ifaceIdVer !== vmUidOf(ifaceId))
    return unbound(`stale-bind: iface-id-ver of ${name} is ${ifaceIdVer}, the VM's uid is ${vmUidOf(ifaceId)}`);
  if (ofport === undefined)
    return unbound(error === undefined ? `the switch has not attached ${name} yet` : `the switch cannot attach ${name}: ${error}`);
  if (holder !== undefined) return unbound(`port number ${ofport} of ${name} is that of ${holder}`);
  return { kind: 'bound', ofport };
}
