import { seededRandom } from '../support/seeded-random.ts';
import { type History, impossible, type Operation } from './history.ts';
import { register, type RegisterAction, type RegisterResult } from './register.ts';

type RegisterHistory = History<RegisterAction, RegisterResult>;

const operationsMax = 7;
const span = 12;

/** Small histories of one key: honest ones, and the same with something changed. */
export class RandomHistory {
  readonly #bytes: () => number;
  #values = 0;

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.#bytes = () => {
      const [high = 0, low = 0] = random.randomize(new Uint8Array(2));
      return high * 256 + low;
    };
  }

  #below(count: number): number {
    return this.#bytes() % count;
  }

  #action(): RegisterAction {
    const value = `${++this.#values}`;
    const seen = `${1 + this.#below(this.#values)}`;
    const all: readonly RegisterAction[] = [
      { kind: 'put', value },
      { kind: 'create', value },
      { kind: 'replace', seen, value },
      { kind: 'delete' },
      { kind: 'get' },
      { kind: 'get' },
    ];
    return all[this.#below(all.length)] ?? { kind: 'get' };
  }

  /** Each has its effect at a moment between its call and its answer. */
  honest(): RegisterHistory {
    const count = 1 + this.#below(operationsMax);
    const planned = Array.from({ length: count }, (_, index) => {
      const calledAt = this.#below(span);
      const effectAt = calledAt + this.#below(4);
      return { client: `c${index}`, action: this.#action(), calledAt, effectAt, answeredAt: effectAt + this.#below(4) };
    }).toSorted((one, other) => one.effectAt - other.effectAt);
    let state = register.initial;
    return planned.map(({ client, action, calledAt, answeredAt }): Operation<RegisterAction, RegisterResult> => {
      const isRefused = this.#below(10) === 0;
      const result: RegisterResult = isRefused ? { kind: 'refused' } : resultOf(state, action);
      const next = register.step(state, action, result);
      if (next === impossible) throw new Error('the model contradicts itself');
      const isUnanswered = this.#below(5) === 0;
      // Without an answer it may have had no effect.
      if (!isUnanswered || this.#below(2) === 0) state = next;
      return { client, action, calledAt, answer: isUnanswered ? undefined : { at: answeredAt, result } };
    });
  }

  /** One answer changed, or one time. */
  bend(history: RegisterHistory): RegisterHistory {
    const index = this.#below(history.length);
    const operation = history[index];
    if (operation?.answer === undefined) return history;
    const { calledAt, action, answer } = operation;
    if (this.#below(2) === 0) {
      const at = calledAt + this.#below(3);
      return history.with(index, { ...operation, answer: { ...answer, at } });
    }
    const value = this.#below(3) === 0 ? undefined : `${1 + this.#below(this.#values)}`;
    const flipped: RegisterResult = { kind: answer.result.kind === 'done' ? 'unmet' : 'done' };
    const result: RegisterResult = action.kind === 'get' ? { kind: 'found', value } : action.kind === 'put' ? { kind: 'refused' } : flipped;
    return history.with(index, { ...operation, answer: { ...answer, result } });
  }
}

function resultOf(state: string | undefined, action: RegisterAction): RegisterResult {
  if (action.kind === 'get') return { kind: 'found', value: state };
  return { kind: register.step(state, action, { kind: 'done' }) === impossible ? 'unmet' : 'done' };
}
