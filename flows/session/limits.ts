/** Bounds of one session. Every wait and every queue has one. */
export interface SessionLimits {
  /** From the connection to the reply to the first role request. */
  readonly handshakeTimeoutMs: number;
  /** From a request to its reply, and between two parts of a listing. */
  readonly replyTimeoutMs: number;
  /** A whole listing, however steadily it trickles. */
  readonly listingTimeoutMs: number;
  /** Silence after which an echo is sent. */
  readonly probeIntervalMs: number;
  /** Silence after the echo that ends the session. */
  readonly probeTimeoutMs: number;
  /** Flow-mods in one bundle: about 10 ms of stall for each 1,000. */
  readonly batchFlows: number;
  /** Steps under way at once: enough that the switch always has one to read while another commits. */
  readonly windowSteps: number;
  /** Bytes written and not yet taken by the socket beyond which no step is begun. */
  readonly sendQueueBytesHigh: number;
  /** Bytes written and not yet taken by the socket that end the session. */
  readonly sendQueueBytesMax: number;
  /** Messages a second that nobody asked for; twice as many may come at once. */
  readonly messagesPerSecondMax: number;
  /** Packet-ins a second that are handed on; the others are dropped and counted. */
  readonly packetInsPerSecondMax: number;
  /** Flows that a listing may name. */
  readonly flowsMax: number;
  /** Flows that one reading may name. */
  readonly readingFlowsMax: number;
  readonly portsMax: number;
  /** Groups, meters and switch configuration are compared this often. */
  readonly pollIntervalMs: number;
  /** All flows are listed and compared this often, however quiet the monitor. */
  readonly auditIntervalMs: number;
  /** The same where the switch has no flow monitor. */
  readonly auditWithoutMonitorIntervalMs: number;
  /** Whole failures of bundles in a row, without a message to blame, that end the session. */
  readonly bundleFailuresMax: number;
}

export const sessionLimits: SessionLimits = {
  handshakeTimeoutMs: 10_000,
  replyTimeoutMs: 10_000,
  listingTimeoutMs: 120_000,
  probeIntervalMs: 5_000,
  probeTimeoutMs: 10_000,
  batchFlows: 1_000,
  windowSteps: 4,
  sendQueueBytesHigh: 2 * 1024 * 1024,
  sendQueueBytesMax: 32 * 1024 * 1024,
  messagesPerSecondMax: 20_000,
  packetInsPerSecondMax: 2_000,
  flowsMax: 2_000_000,
  readingFlowsMax: 500_000,
  portsMax: 65_536,
  pollIntervalMs: 10_000,
  auditIntervalMs: 300_000,
  auditWithoutMonitorIntervalMs: 10_000,
  bundleFailuresMax: 3,
};
