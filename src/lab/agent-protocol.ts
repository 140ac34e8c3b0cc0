/**
 * What a guest's agent is asked, one JSON object a line on its standard input: `{ id, request }`; and what it answers on
 * its standard output: `{ id, answer }`, or `{ id, error }` for a request that cannot be carried out at all. What the
 * network does to a probe is an answer, never an error. All times are milliseconds, all sizes bytes of payload.
 */
export type AgentRequest =
  | { readonly kind: 'tcp-listen'; readonly port: number; readonly service: 'echo' | 'digest' }
  | { readonly kind: 'tcp-connect'; readonly to: Endpoint; readonly timeoutMs: number }
  | { readonly kind: 'tcp-transfer'; readonly to: Endpoint; readonly bytes: number; readonly timeoutMs: number }
  | { readonly kind: 'tcp-open'; readonly to: Endpoint; readonly timeoutMs: number }
  | { readonly kind: 'tcp-exchange'; readonly handle: number; readonly timeoutMs: number }
  | { readonly kind: 'udp-listen'; readonly port: number; readonly service: 'echo' | 'count' }
  | { readonly kind: 'udp-reply-stream'; readonly port: number; readonly intervalMs: number; readonly bytes: number }
  | { readonly kind: 'udp-request'; readonly to: Endpoint; readonly bytes: number; readonly timeoutMs: number }
  | { readonly kind: 'udp-stream'; readonly to: Endpoint; readonly intervalMs: number; readonly bytes: number; readonly count?: number }
  | { readonly kind: 'udp-subscribe'; readonly to: Endpoint }
  | { readonly kind: 'udp-count'; readonly handle: number }
  | { readonly kind: 'stop'; readonly handle: number };

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** The source address; chosen by the kernel when absent. */
  readonly source?: string;
}

/** How a connection attempt ended. `unreachable`: an ICMP error, as a `reject` sends for some; `timeout`: silence. */
export type ConnectOutcome = 'connected' | 'refused' | 'unreachable' | 'timeout' | 'reset';

export interface Connected {
  readonly outcome: ConnectOutcome;
  readonly elapsedMs: number;
}

/** `complete`: every byte arrived and the receiver's SHA-256 is the sender's. */
export interface Transferred {
  readonly outcome: 'complete' | 'corrupt' | Exclude<ConnectOutcome, 'connected'>;
  readonly elapsedMs: number;
  readonly bytesReceived: number;
}

/** Whether an open connection still carries data both ways. */
export interface Exchanged {
  readonly outcome: 'echoed' | 'timeout' | 'closed';
  readonly elapsedMs: number;
}

export interface Requested {
  readonly outcome: 'replied' | 'refused' | 'unreachable' | 'timeout';
  readonly elapsedMs: number;
}

/** What a socket sent and received since it was opened. */
export interface DatagramCount {
  readonly sent: number;
  readonly received: number;
  readonly bySource: Readonly<Record<string, number>>;
  /** Since the last datagram received; null when there was none. */
  readonly idleMs: number | null;
  /** The longest time between two received datagrams. */
  readonly gapMsMax: number;
  /** Received in each tenth of a second since the socket was opened. */
  readonly timeline: readonly number[];
}

/** Names something that stays open in the agent, until `stop`. */
interface Opened {
  readonly handle: number;
}

export interface AgentAnswers {
  'tcp-listen': Opened;
  'tcp-connect': Connected;
  'tcp-transfer': Transferred;
  'tcp-open': Connected & Opened;
  'tcp-exchange': Exchanged;
  'udp-listen': Opened;
  'udp-reply-stream': Opened;
  'udp-request': Requested;
  'udp-stream': Opened;
  'udp-subscribe': Opened;
  'udp-count': DatagramCount;
  stop: DatagramCount | null;
}

export type AgentReply =
  | { readonly id: number; readonly answer: AgentAnswers[AgentRequest['kind']] }
  | { readonly id: number; readonly error: string };
