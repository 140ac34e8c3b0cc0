import type { MemberId, Message } from '../../cluster/raft/types.ts';
import type { Agenda } from './agenda.ts';
import type { Dice } from './dice.ts';
import type { SnapshotState } from './disk.ts';

/** Loses, doubles, delays and reorders messages; cuts links, each way of its own. */
export class Network {
  readonly #agenda: Agenda;
  readonly #dice: Dice;
  readonly #deliver: (message: Message, state: SnapshotState | undefined) => void;
  readonly #cut = new Set<string>();
  lossRate = 0;
  doubleRate = 0;
  delayMs = 3;
  /** Of messages that go astray and arrive when nobody expects them any more. */
  strayRate = 0;

  constructor(agenda: Agenda, dice: Dice, deliver: (message: Message, state: SnapshotState | undefined) => void) {
    this.#agenda = agenda;
    this.#dice = dice;
    this.#deliver = deliver;
  }

  send(message: Message, state: SnapshotState | undefined): void {
    if (this.#dice.chance(this.lossRate)) return;
    this.#carry(message, state);
    if (this.#dice.chance(this.doubleRate)) this.#carry(message, state);
  }

  #carry(message: Message, state: SnapshotState | undefined): void {
    const strayMs = this.#dice.chance(this.strayRate) ? 600 * this.#dice.unit() : 0;
    this.#agenda.in(strayMs + this.delayMs * (0.2 + 2 * this.#dice.unit()), () => {
      if (!this.#cut.has(`${message.from} ${message.to}`)) this.#deliver(message, state);
    });
  }

  cut(from: MemberId, to: MemberId): void {
    this.#cut.add(`${from} ${to}`);
  }

  heal(): void {
    this.#cut.clear();
    this.lossRate = 0;
    this.doubleRate = 0;
    this.delayMs = 3;
    this.strayRate = 0;
  }

  healLinks(): void {
    this.#cut.clear();
  }
}
