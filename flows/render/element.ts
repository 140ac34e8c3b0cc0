import type { Element } from '../../policies/compiled.ts';
import type { FlowDraft } from './build.ts';
import { interfaceFlows } from './interface.ts';
import { identityFlows, neighbourFlows } from './neighbour.ts';
import { floodFlows, networkFlows } from './network.ts';
import { ruleFlows, tenantFlows } from './rule.ts';
import { tunnelFlows } from './tunnel.ts';

export function draftsOf(element: Element): readonly FlowDraft[] {
  switch (element.kind) {
    case 'network':
      return networkFlows(element);
    case 'flood':
      return floodFlows(element);
    case 'tenant':
      return tenantFlows(element);
    case 'tunnel':
      return tunnelFlows(element);
    case 'interface':
      return interfaceFlows(element);
    case 'neighbour':
      return neighbourFlows(element);
    case 'identity':
      return identityFlows(element);
    case 'rule':
      return ruleFlows(element);
  }
}

/** The owner of the flows that tie an interface to its port. */
export const portOwner = (portId: string): string => `port/${portId}`;
