import type { Fetch, MemberId, Message, MessageBody, ReadyRead, Term } from './types.ts';

/** What the core wants carried out, gathered until the next `ready`. */
export class Outbox {
  readonly #id: MemberId;
  /** Whether the message may go although what was decided is not yet durable. */
  readonly #mayGo: (message: Message) => boolean;
  #messages: Message[] = [];
  #held: Message[] = [];
  #reads: ReadyRead[] = [];
  #lostReads: number[] = [];
  #fetches: Fetch[] = [];

  constructor(id: MemberId, mayGo: (message: Message) => boolean) {
    this.#id = id;
    this.#mayGo = mayGo;
  }

  send(to: MemberId, term: Term, body: MessageBody): void {
    const message: Message = { from: this.#id, to, term, ...body };
    if (this.#mayGo(message)) this.#messages.push(message);
    else this.#held.push(message);
  }

  answer(read: ReadyRead): void {
    this.#reads.push(read);
  }

  loseRead(id: number): void {
    this.#lostReads.push(id);
  }

  fetch(fetch: Fetch): void {
    this.#fetches.push(fetch);
  }

  /** A new term began: what an earlier one promised and did not yet keep is not promised any more. */
  forgetHeld(): void {
    this.#held = [];
  }

  /** All that is durable now lets go whatever waited for it. */
  releaseHeld(): void {
    this.#messages.push(...this.#held.splice(0));
  }

  takeHeld(): readonly Message[] {
    return this.#held.splice(0);
  }

  get isEmpty(): boolean {
    return this.#messages.length + this.#reads.length + this.#lostReads.length + this.#fetches.length === 0;
  }

  take(): {
    readonly messages: readonly Message[];
    readonly reads: readonly ReadyRead[];
    readonly lostReads: readonly number[];
    readonly fetches: readonly Fetch[];
  } {
    return {
      messages: this.#messages.splice(0),
      reads: this.#reads.splice(0),
      lostReads: this.#lostReads.splice(0),
      fetches: this.#fetches.splice(0),
    };
  }
}
