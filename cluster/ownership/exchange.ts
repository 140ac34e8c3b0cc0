import type { MemberId } from '../raft/types.ts';

/** What members tell and ask each other outside of the log: nothing of it is kept, and it is lost with whoever had it. */
export interface Exchange {
  readonly id: MemberId;
  /** All members but this one, present or not. */
  others(): readonly MemberId[];
  /** JSON in, JSON out. Rejects with a WeirError: `unreachable`, `timeout`, or what the other side threw. */
  ask(to: MemberId, topic: Topic, body: unknown, timeoutMs: number): Promise<unknown>;
  /** One for each topic. `from` is proved by the transport; the body is whatever it sent. */
  answer(topic: Topic, answering: Answering): void;
}

export type Answering = (from: MemberId, body: unknown) => unknown;

/** `beat`: I am here. `told`: what the switches that I own do. `logged`: what their rules have logged. */
export type Topic = 'beat' | 'told' | 'logged';
