/** What switches do: the doors of this room. */
export { dialOpenFlow, listenOpenFlow } from './io/openflow.ts';
export type {
  OpenFlowEnd,
  OpenFlowEndCode,
  OpenFlowHandlers,
  OpenFlowListener,
  OpenFlowListenOptions,
  OpenFlowOptions,
  OwnerHandlers,
  SwitchConnection,
} from './io/openflow.ts';
export { Reconciler } from './reconcile/index.ts';
export type { DesiredChange, DriftCounts, FlowKey, Refused } from './reconcile/index.ts';
export { sessionLimits } from './session/index.ts';
export type { PacketIn, PortChange, SessionCounts, SessionLimits, SwitchPort } from './session/index.ts';
