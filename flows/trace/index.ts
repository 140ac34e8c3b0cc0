/** What the tables do with a packet, followed here and not on a switch. */
export { FlowIndex } from './flow-index.ts';
export type { Hit, Rule } from './flow-index.ts';
export { outOfTunnel, packetOf } from './frame.ts';
export type { Frame, Payload } from './frame.ts';
export { trackingStates } from './outcome.ts';
export type { Effect, Step, Trace, Tracking, TrackingState } from './outcome.ts';
export { trace } from './trace.ts';
export type { TraceOptions } from './trace.ts';
