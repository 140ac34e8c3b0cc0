import { randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { reasonOf, WeirError } from '../../src/base/errors.ts';
import type { Answering, Exchange, Topic } from '../ownership/exchange.ts';
import type { MemberId } from '../raft/types.ts';
import type { EtcdLayout } from './layout.ts';
import type { EtcdLink } from './link.ts';

export interface MailOptions {
  readonly id: MemberId;
  readonly link: EtcdLink;
  readonly layout: EtcdLayout;
  readonly others: () => readonly MemberId[];
}

/** What lies in the box of a member: JSON, compressed. */
type Letter = { readonly from: MemberId; readonly id: string } & (
  | { readonly kind: 'ask'; readonly topic: string; readonly body: unknown }
  | { readonly kind: 'answer'; readonly body: unknown }
  | { readonly kind: 'refusal'; readonly code: string; readonly reason: string }
);

interface Waiting {
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: WeirError) => void;
}

/** Compressed; a request to etcd is within 1.5 MiB by default. */
const letterBytesMax = 1024 * 1024;
const openedBytesMax = 64 * 1024 * 1024;
const lettersAtOnce = 32;
/** What nobody has fetched by then goes with its lease. */
const leaseSeconds = 30;
const leaseUseMs = 10_000;
const sendMsMax = 2_000;

/**
 * Members' talk by letters in etcd, so that members need no way to each other but that. A letter lies in the box of its receiver, who takes
 * it out; it is under a lease, so that nothing is left of one who is gone. Whoever may write below the prefix is a member.
 */
export class MailExchange implements Exchange {
  readonly id: MemberId;
  readonly #options: MailOptions;
  readonly #answers = new Map<string, Answering>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #bell: { close(): void };
  #lease: { readonly id: Promise<string>; readonly sinceMs: number } | undefined;
  #isEmptying = false;
  #hasRung = false;

  constructor(options: MailOptions) {
    this.id = options.id;
    this.#options = options;
    this.#bell = options.link.bell(options.layout.boxOf(options.id), () => void this.#empty());
  }

  others(): readonly MemberId[] {
    return this.#options.others();
  }

  async ask(to: MemberId, topic: Topic, body: unknown, timeoutMs: number): Promise<unknown> {
    const id = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => reject(new WeirError('timeout', `${to} did not answer within ${timeoutMs} ms`)), timeoutMs);
    this.#waiting.set(id, { resolve, reject });
    this.#send(to, { kind: 'ask', from: this.id, id, topic, body }).catch((error: unknown) => {
      reject(
        error instanceof WeirError ? error : new WeirError('unreachable', `etcd took no letter: ${reasonOf(error)}`, { cause: error }),
      );
    });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  answer(topic: Topic, answering: Answering): void {
    this.#answers.set(topic, answering);
  }

  close(): void {
    this.#bell.close();
    for (const { reject } of this.#waiting.values()) reject(new WeirError('unreachable', 'this member stops'));
  }

  async #send(to: MemberId, letter: Letter): Promise<void> {
    const { link, layout } = this.#options;
    const value = gzipSync(JSON.stringify(letter), { level: 1 });
    if (value.length > letterBytesMax) throw new WeirError('too-large', `a letter to ${to} would have ${value.length} bytes`);
    const lease = await this.#currentLease();
    await link.txn({ success: [{ request_put: { key: layout.letterKey(to, `${letter.kind}-${letter.id}`), value, lease } }] }, sendMsMax);
  }

  /** One for all letters of a while. */
  #currentLease(): Promise<string> {
    const nowMs = performance.now();
    if (this.#lease === undefined || nowMs - this.#lease.sinceMs > leaseUseMs) {
      this.#lease = { id: this.#options.link.grant(leaseSeconds, sendMsMax), sinceMs: nowMs };
      const granted = this.#lease;
      granted.id.catch(() => {
        if (this.#lease === granted) this.#lease = undefined;
      });
    }
    return this.#lease.id;
  }

  /** Takes out what is in the box. What comes meanwhile is taken out after it. */
  async #empty(): Promise<void> {
    this.#hasRung = true;
    if (this.#isEmptying) return;
    this.#isEmptying = true;
    try {
      while (this.#hasRung) {
        this.#hasRung = false;
        if (await this.#takeSome()) this.#hasRung = true;
      }
    } catch {
      // The bell rings when etcd is back.
    } finally {
      this.#isEmptying = false;
    }
  }

  /** Whether there were any. */
  async #takeSome(): Promise<boolean> {
    const { link, layout } = this.#options;
    const { kvs } = await link.range({ key: layout.boxOf(this.id), range_end: layout.boxEnd(this.id), limit: lettersAtOnce }, sendMsMax);
    if (kvs.length === 0) return false;
    await link.txn({ success: kvs.map(({ key }) => ({ request_delete_range: { key } })) }, sendMsMax);
    for (const { value } of kvs) this.#open(value);
    return true;
  }

  #open(value: Buffer): void {
    let letter: Letter;
    try {
      letter = JSON.parse(gunzipSync(value, { maxOutputLength: openedBytesMax }).toString()) as Letter;
    } catch {
      // Nobody waits for what no member wrote.
      return;
    }
    if (letter.kind === 'ask') void this.#answer(letter);
    else if (letter.kind === 'answer') this.#waiting.get(letter.id)?.resolve(letter.body);
    else this.#waiting.get(letter.id)?.reject(new WeirError(letter.code, letter.reason));
  }

  async #answer({ from, id, topic, body }: Extract<Letter, { kind: 'ask' }>): Promise<void> {
    const reply = await this.#replyTo(from, topic, body);
    // Who asked hears of what is lost by waiting in vain.
    await this.#send(from, { from: this.id, id, ...reply }).catch(() => undefined);
  }

  async #replyTo(from: MemberId, topic: string, body: unknown) {
    try {
      const answering = this.#answers.get(topic);
      if (answering === undefined) throw new WeirError('unreachable', `${this.id} does not answer ${topic} yet`);
      return { kind: 'answer' as const, body: await answering(from, body) };
    } catch (error) {
      return { kind: 'refusal' as const, code: error instanceof WeirError ? error.code : 'internal', reason: reasonOf(error) };
    }
  }
}
