export { type AttachmentQuery, fetchAttachment } from './attachment.ts';
export type { ConnectOutcome, Connected, DatagramCount, Endpoint, Exchanged, Requested, Transferred } from './agent-protocol.ts';
export { assertPrograms, type CommandOptions, type CommandResult } from './command.ts';
export { type Capture, captureFrames, sendFrames } from './frames.ts';
export type { Guest, GuestInterface, InterfaceRequest, PlugRequest } from './guest.ts';
export type { Hypervisor, StopManner } from './hypervisor.ts';
export { injectVxlan } from './intruder.ts';
export { type Lab, type LabDescription, type LabOptions, openLab, removeLab, startLab } from './lab.ts';
export { endProcesses, startTicksOf } from './namespace.ts';
export { defaultLabsDirectory } from './state.ts';
export { freePorts } from './ports.ts';
export { ping, type PingOptions, type PingReport, type RunningPing, startPing } from './ping.ts';
export { measureRate, type Rate, type RateOptions } from './rate.ts';
export type { Station } from './station.ts';
export {
  connectTcp,
  type Listener,
  listenTcp,
  listenUdp,
  openTcp,
  type ReplyStream,
  requestUdp,
  sendSpoofed,
  type StreamOptions,
  streamReplies,
  streamUdp,
  type TcpConnection,
  transferTcp,
  type UdpCounter,
  withAddress,
  withMac,
} from './traffic.ts';
