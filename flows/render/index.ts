import type { Element, InterfaceElement } from '../../policies/compiled.ts';
import { flowKey } from '../model/index.ts';
import type { Flow, Meter } from '../model/index.ts';
import { cookieOf } from '../pipeline/index.ts';
import { baseFlows } from './base.ts';
import { apply, equals, flow, goto } from './build.ts';
import type { FlowDraft } from './build.ts';
export { LatentRenderer } from './latent.ts';
export { raisedPacketRates } from './interface.ts';
export { portOwner } from './element.ts';
import { draftsOf, portOwner } from './element.ts';
import { interfaceMeters, portFlows } from './interface.ts';

/** Pure functions from what a host must know to the flows that make it so. The same input gives the same flows, byte for byte. */

const signed = (owner: string, drafts: readonly FlowDraft[]): readonly Flow[] => {
  const cookie = cookieOf(owner);
  return drafts.map((draft) => {
    const { tableId, priority, match, instructions } = draft;
    return { tableId, priority, cookie, match, instructions, key: flowKey({ tableId, priority, match }), owner };
  });
};

/** Flows of one compiled element; `owner` is its key. */
export function renderElement(owner: string, element: Element): readonly Flow[] {
  return signed(owner, draftsOf(element));
}

/** The owner of the flows that every host has. */
export const baseOwner = 'base';

export function renderBase(): readonly Flow[] {
  return signed(baseOwner, baseFlows());
}

/** The owner of the flows that need the number of the VXLAN port. */
export const tunnelPortOwner = 'port/vxlan';

export function renderTunnelPort(ofport: number): readonly Flow[] {
  return signed(tunnelPortOwner, [
    flow('classify', 10, [equals('in_port', ofport)], goto('tunnelSource')),
    flow('tunnel', 10, [], apply({ kind: 'output', port: ofport })),
  ]);
}

export function renderPort(element: InterfaceElement, ofport: number): readonly Flow[] {
  return signed(portOwner(element.portId), portFlows(element, ofport));
}

/** Meters of one element; only interfaces have any. */
export function renderMeters(element: Element): readonly Meter[] {
  return element.kind === 'interface' ? interfaceMeters(element) : [];
}
