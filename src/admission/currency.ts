import type { Revision, Store } from '../../cluster/index.ts';
import { WeirError } from '../base/errors.ts';

interface Awaiting {
  readonly revision: Revision;
  readonly resolve: () => void;
  readonly reject: (reason: WeirError) => void;
  readonly timer: NodeJS.Timeout;
}

/** What the store has is in the snapshot as soon as it is told. */
const awaitedMsMax = 5_000;

/** Who must not see less than was committed when they asked, by any member: they wait until the snapshot has it. */
export class Currency {
  readonly #store: Pick<Store, 'current'>;
  readonly #revision: () => Revision;
  readonly #awaiting = new Set<Awaiting>();
  #ended: WeirError | undefined;

  /** `revision`: of the snapshot. */
  constructor(store: Pick<Store, 'current'>, revision: () => Revision) {
    this.#store = store;
    this.#revision = revision;
  }

  /** Rejects with `no-leader` when it cannot be told in time what was committed. */
  async current(): Promise<void> {
    const revision = await this.#store.current();
    if (this.#revision() < revision) await this.#reached(revision);
  }

  #reached(revision: Revision): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw this.#ended;
      const timer = setTimeout(() => {
        this.#awaiting.delete(awaiting);
        reject(new WeirError('no-leader', `revision ${revision} did not become visible here in time; try again`));
      }, awaitedMsMax);
      const awaiting = { revision, resolve, reject, timer };
      this.#awaiting.add(awaiting);
    });
  }

  /** The snapshot is at another revision. */
  moved(): void {
    if (this.#awaiting.size === 0) return;
    const present = this.#revision();
    for (const awaiting of this.#awaiting) {
      if (awaiting.revision > present) continue;
      this.#awaiting.delete(awaiting);
      clearTimeout(awaiting.timer);
      awaiting.resolve();
    }
  }

  /** It moves no more. */
  end(reason: WeirError): void {
    this.#ended = reason;
    for (const { timer, reject } of this.#awaiting) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#awaiting.clear();
  }
}
