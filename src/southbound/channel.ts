import type { Transferable } from 'node:worker_threads';
import { assert, WeirError } from '../base/errors.ts';
import { carriedOf, errorOf } from './carried.ts';
import type { Carried } from './carried.ts';

/** One end of a pair: a MessagePort, or the Worker at whose other end one is. */
export interface Port {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

type Body<T, N extends keyof T> = T[N] extends (body: infer B) => unknown ? B : never;
type Answer<T, N extends keyof T> = T[N] extends (body: never) => infer A ? Awaited<A> : never;

type Message =
  | { readonly kind: 'question'; readonly id: number; readonly name: string; readonly body: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly body: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly error: Carried }
  /** Nobody waits for an answer. */
  | { readonly kind: 'word'; readonly name: string; readonly body: unknown };

interface Waiting {
  readonly resolve: (body: never) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

const waitingMax = 16_384;
const patienceMsDefault = 30_000;

/**
 * What two threads of the program say to each other: questions with one answer each, and words without. All of it arrives in the order in
 * which it was said, and what is said in one turn of a thread is carried over at its end, together: each time wakes who hears it. `Theirs` and `Own` are what either
 * side answers, a function for each name; bodies are cloned. Errors keep their code.
 */
export class Channel<Theirs extends object, Own extends object> {
  readonly #port: Port;
  readonly #own: Own;
  readonly #waiting = new Map<number, Waiting>();
  #said: Message[] = [];
  #lastId = 0;
  #ended: WeirError | undefined;

  constructor(port: Port, own: Own) {
    this.#port = port;
    this.#own = own;
    port.on('message', (messages) => (messages as readonly Message[]).forEach((message) => this.#receive(message)));
  }

  /** Rejects with what the other side threw, or `southbound-busy` when it does not answer in time. Infinity: it is waited for. */
  ask<N extends keyof Theirs & string>(name: N, body: Body<Theirs, N>, patienceMs = patienceMsDefault): Promise<Answer<Theirs, N>> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.#waiting.size >= waitingMax) return Promise.reject(new WeirError('southbound-busy', `${waitingMax} questions wait already`));
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Answer<Theirs, N>>();
    const late = (): void => {
      this.#waiting.delete(id);
      reject(new WeirError('southbound-busy', `no answer about switches within ${patienceMs} ms`));
    };
    const timer = patienceMs === Infinity ? undefined : setTimeout(late, patienceMs);
    this.#waiting.set(id, { resolve, reject, timer });
    this.#post({ kind: 'question', id, name, body });
    return promise;
  }

  tell<N extends keyof Theirs & string>(name: N, body: Body<Theirs, N>): void {
    if (!this.#ended) this.#post({ kind: 'word', name, body });
  }

  /** Nothing is answered any more, and nothing is said. */
  end(reason: WeirError): void {
    this.#ended = reason;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#waiting.clear();
  }

  #post(message: Message): void {
    if (this.#said.push(message) > 1) return;
    process.nextTick(() => {
      const said = this.#said;
      this.#said = [];
      this.#port.postMessage(said, []);
    });
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case 'question':
        void this.#answer(message);
        return;
      case 'word':
        this.#answering(message.name)(message.body);
        return;
      case 'answer':
        this.#take(message.id)?.resolve(message.body as never);
        return;
      case 'refusal':
        this.#take(message.id)?.reject(errorOf(message.error));
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #answering(name: string): (body: unknown) => unknown {
    const answering = (this.#own as Readonly<Record<string, unknown>>)[name];
    assert(typeof answering === 'function', `both threads know what ${name} is`);
    return answering.bind(this.#own) as (body: unknown) => unknown;
  }

  async #answer({ id, name, body }: Extract<Message, { kind: 'question' }>): Promise<void> {
    try {
      const answer = await this.#answering(name)(body);
      if (!this.#ended) this.#post({ kind: 'answer', id, body: answer });
    } catch (thrown) {
      if (!this.#ended) this.#post({ kind: 'refusal', id, error: carriedOf(thrown) });
    }
  }
}
