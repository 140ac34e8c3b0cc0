import type { Revision } from '../../cluster/index.ts';

/** How far the state of this thread is. */
export class Progress {
  #revision: Revision = 0;
  #waiting: { readonly revision: Revision; readonly resolve: () => void }[] = [];

  reached(revision: Revision): void {
    this.#revision = revision;
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter((each) => each.revision <= revision);
    this.#waiting = this.#waiting.filter((each) => each.revision > revision);
    for (const { resolve } of due) resolve();
  }

  /** Settles when the state has everything up to `revision`. */
  until(revision: Revision): Promise<void> | undefined {
    if (revision <= this.#revision) return undefined;
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }
}
