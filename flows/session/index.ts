export type { FlowReading, FlowsRead, PacketIn, SessionEffect, SessionEvent } from './events.ts';
export { sessionLimits } from './limits.ts';
export type { SessionLimits } from './limits.ts';
export type { PortChange, SwitchPort } from './port.ts';
export { RateLimit } from './rate-limit.ts';
export type { CloseReason } from './reasons.ts';
export { Session } from './session.ts';
export type { SessionCounts, SessionState } from './session.ts';
