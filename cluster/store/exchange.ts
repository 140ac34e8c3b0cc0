import { WeirError } from '../../src/base/errors.ts';
import type { Answering, Exchange, Topic } from '../ownership/exchange.ts';
import type { MemberId, Membership } from '../raft/types.ts';

export interface ExchangeOptions {
  readonly id: MemberId;
  readonly membership: () => Membership;
  readonly request: (to: MemberId, request: unknown, timeoutMs: number) => Promise<unknown>;
}

interface Ask {
  readonly kind: 'ask';
  readonly topic: Topic;
  readonly body: unknown;
}

/** Members' talk over the transport that carries their log. */
export class MemberExchange implements Exchange {
  readonly id: MemberId;
  readonly #options: ExchangeOptions;
  readonly #answers = new Map<string, Answering>();

  constructor(options: ExchangeOptions) {
    this.id = options.id;
    this.#options = options;
  }

  others(): readonly MemberId[] {
    const { voters, learners } = this.#options.membership();
    return [...voters, ...learners].filter((id) => id !== this.id);
  }

  async ask(to: MemberId, topic: Topic, body: unknown, timeoutMs: number): Promise<unknown> {
    const asked: Ask = { kind: 'ask', topic, body };
    return this.#options.request(to, asked, timeoutMs);
  }

  answer(topic: Topic, answering: Answering): void {
    this.#answers.set(topic, answering);
  }

  /** Undefined: it is none of these. */
  receive(from: MemberId, request: unknown): Promise<unknown> | undefined {
    const { kind, topic, body } = request as Partial<Ask>;
    if (kind !== 'ask') return undefined;
    return this.#answered(from, String(topic), body);
  }

  async #answered(from: MemberId, topic: string, body: unknown): Promise<unknown> {
    const answering = this.#answers.get(topic);
    if (answering === undefined) throw new WeirError('unreachable', `${this.id} does not answer ${topic} yet`);
    return answering(from, body);
  }
}
