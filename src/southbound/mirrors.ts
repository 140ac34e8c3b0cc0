import { highestWeight } from '../../cluster/ownership/rendezvous.ts';
import type { Answering, Exchange, Ownership, OwnershipView, Topic } from '../../cluster/index.ts';
import { WeirError } from '../base/errors.ts';
import type { Channel } from './channel.ts';
import type { MainAnswers } from './contract.ts';

/** Who owns which switch, as the other thread has last told. */
export class OwnershipMirror implements Ownership {
  readonly id: string;
  readonly #listeners = new Set<(isWhole: boolean) => void>();
  #view: OwnershipView;

  constructor(id: string, view: OwnershipView) {
    this.id = id;
    this.#view = view;
  }

  get epoch(): number {
    return this.#view.epoch;
  }

  ownerOf(host: string): string | undefined {
    return highestWeight(host, this.#view.members);
  }

  isMine(host: string): boolean {
    return this.#view.isCounted && this.ownerOf(host) === this.id;
  }

  endpoints(): OwnershipView['endpoints'] {
    return this.#view.endpoints;
  }

  onChange(listener: (isWhole: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  told(view: OwnershipView, isWhole: boolean): void {
    this.#view = view;
    for (const listener of this.#listeners) listener(isWhole);
  }
}

/** What members say to each other, carried on by the other thread. */
export class DistantExchange implements Exchange {
  readonly id: string;
  readonly #main: Channel<MainAnswers, object>;
  readonly #answers = new Map<Topic, Answering>();
  #others: readonly string[];

  constructor(id: string, others: readonly string[], main: Channel<MainAnswers, object>) {
    this.id = id;
    this.#others = others;
    this.#main = main;
  }

  others(): readonly string[] {
    return this.#others;
  }

  othersAre(others: readonly string[]): void {
    this.#others = others;
  }

  ask(to: string, topic: Topic, body: unknown, timeoutMs: number): Promise<unknown> {
    return this.#main.ask('ask', { to, topic, body, timeoutMs });
  }

  answer(topic: Topic, answering: Answering): void {
    this.#answers.set(topic, answering);
  }

  asked({ from, topic, body }: { readonly from: string; readonly topic: Topic; readonly body: unknown }): unknown {
    const answering = this.#answers.get(topic);
    if (answering === undefined) throw new WeirError('unreachable', `${this.id} does not answer ${topic} yet`);
    return answering(from, body);
  }
}
