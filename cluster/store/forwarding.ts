import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import { WeirError } from '../../src/base/errors.ts';
import type { Watermark } from '../../src/base/watermark.ts';
import type { RaftNode } from '../node/node.ts';
import type { MemberId } from '../raft/types.ts';
import { transactionBytes } from './bounds.ts';
import type { Outcome, Transaction } from './port.ts';
import type { Proposer } from './proposer.ts';

export interface ForwardingOptions {
  readonly id: MemberId;
  readonly clock: Clock;
  readonly node: RaftNode;
  readonly proposer: Proposer;
  readonly request: (to: MemberId, request: unknown, timeoutMs: number) => Promise<unknown>;
  /** The revision that this member shows. */
  readonly applied: Watermark;
}

interface ForwardedTransaction {
  readonly kind: 'transact';
  readonly requestId: string;
  readonly transaction: Transaction;
}

const patienceMs = 10_000;
const retryMs = 20;
/** The request may or may not have had its effect; under its id it has it once, however often it is sent. */
const retriable: ReadonlySet<string> = new Set(['not-leader', 'no-leader', 'leadership-lost', 'unreachable', 'timeout', 'transferring']);

/** A leader whose disk takes nothing lets another lead within this time. */
const handOverMs = 2_000;
const isRefusal = (error: unknown): boolean => error instanceof WeirError && (error.code === 'store-full' || error.code === 'store-failed');

/** Brings transactions to the leader, whoever that is, until one answers; each has its effect once. */
export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #underWay = new Set<Promise<Outcome>>();
  readonly #asked = new Set<{ readonly leader: MemberId; readonly giveUp: () => void }>();

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  async transact(transaction: Transaction, bytes: number): Promise<Outcome> {
    const underWay = this.#transact(transaction, bytes);
    this.#underWay.add(underWay);
    try {
      return await underWay;
    } finally {
      this.#underWay.delete(underWay);
    }
  }

  /** When nothing is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #transact(transaction: Transaction, bytes: number): Promise<Outcome> {
    const { clock } = this.#options;
    const requestId = randomUUID();
    const endMs = clock.nowMs() + patienceMs;
    let wasSent = false;
    for (;;) {
      try {
        const outcome = await this.#attempt(transaction, bytes, requestId, endMs - clock.nowMs());
        if (outcome !== undefined) return outcome;
      } catch (error) {
        const isHandedOver = isRefusal(error) && clock.nowMs() < endMs - patienceMs + handOverMs;
        if (error instanceof WeirError && retriable.has(error.code)) wasSent = true;
        else if (!isHandedOver) throw wasSent ? unknownOutcome(error) : error;
      }
      if (clock.nowMs() > endMs) throw wasSent ? unknownOutcome() : new WeirError('no-leader', 'the cluster has no leader; try again');
      await pause(retryMs);
    }
  }

  /** Undefined: there is nobody to ask. */
  async #attempt(transaction: Transaction, bytes: number, requestId: string, timeoutMs: number): Promise<Outcome | undefined> {
    const { id, node, proposer, request, applied } = this.#options;
    if (proposer.isOpen) return proposer.submit(transaction, bytes, requestId);
    const { leader } = node;
    if (leader === undefined || leader === id) return undefined;
    const forwarded: ForwardedTransaction = { kind: 'transact', requestId, transaction };
    const outcome = await this.#whileLeading(leader, request(leader, forwarded, timeoutMs));
    // Who wrote reads what it wrote; it may not come to a member that is cut off.
    await applied.reached(outcome.revision, timeoutMs).catch((error: unknown) => {
      throw unknownOutcome(error);
    });
    return outcome;
  }

  /** One who stands still, or is cut off, answers nothing for long; once others have another leader nobody waits for it. */
  async #whileLeading(leader: MemberId, answer: Promise<unknown>): Promise<Outcome> {
    const superseded = Promise.withResolvers<never>();
    const asked = { leader, giveUp: () => superseded.reject(new WeirError('leadership-lost', `${leader} leads no more`)) };
    this.#asked.add(asked);
    try {
      return (await Promise.race([answer, superseded.promise])) as Outcome;
    } finally {
      this.#asked.delete(asked);
      answer.catch(() => undefined);
    }
  }

  /** Who leads now, as far as this member knows. */
  led(leader: MemberId | undefined): void {
    if (leader === undefined) return;
    for (const asked of this.#asked) if (asked.leader !== leader) asked.giveUp();
  }

  /** A request that another member forwards. */
  async answer(request: unknown): Promise<Outcome> {
    const { requestId, transaction } = readForwarded(request);
    return this.#options.proposer.submit(transaction, transactionBytes(transaction), requestId);
  }
}

export function isForwarded(request: unknown): boolean {
  return isObject(request) && request['kind'] === 'transact';
}

const requestIdCharactersMax = 64;

/** Throws `malformed-transaction`. What keys and values may be, `transactionBytes` says. */
function readForwarded(request: unknown): ForwardedTransaction {
  const { requestId, transaction } = isObject(request) ? request : {};
  const isSound =
    isForwarded(request) &&
    typeof requestId === 'string' &&
    requestId !== '' &&
    requestId.length <= requestIdCharactersMax &&
    isObject(transaction) &&
    isListOf(transaction['compares'], ({ key, modRevision }) => typeof key === 'string' && Number.isSafeInteger(modRevision)) &&
    isListOf(
      transaction['operations'],
      ({ kind, key, value }) => typeof key === 'string' && (kind === 'put' ? typeof value === 'string' : kind === 'delete'),
    );
  if (!isSound) throw new WeirError('malformed-transaction', 'what was forwarded is no transaction');
  return request as ForwardedTransaction;
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const isListOf = (value: unknown, isSound: (each: Fields) => boolean): boolean =>
  Array.isArray(value) && value.every((each: unknown) => isObject(each) && isSound(each));

function unknownOutcome(cause?: unknown): WeirError {
  return new WeirError('unknown-outcome', 'no leader answered in time; it may have been committed', { cause });
}
