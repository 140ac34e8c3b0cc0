import type { Resource } from '../api/schema/answers.ts';
import { WeirError } from '../base/errors.ts';
import { type Client, RefusedError } from './client.ts';

export interface Change {
  readonly event: string;
  readonly revision: number;
  readonly resource: Resource;
}

export interface ChangesRequest {
  readonly kind: string;
  /** Changes behind this revision. */
  readonly since: number;
  readonly pauseMs: number;
  /** Told once of each outage, and again where the reason changes. */
  readonly onLost: (reason: string) => void;
}

/** Refusals that pass: nobody leads, or too many ask. */
const passing: ReadonlySet<number> = new Set([429, 503]);

/** Every change once, in order, over streams that end anywhere, until it is left. Rejects when the server refuses to go on. */
export async function* changes(client: Client, request: ChangesRequest): AsyncGenerator<Change, never> {
  const place = new WatchPlace(request.since);
  let lostBy: string | undefined;
  for (;;) {
    try {
      for await (const said of client.events('/v1/watch', { kind: request.kind, since: String(place.complete) })) {
        lostBy = undefined;
        if (said.kind === 'comment') {
          place.note(said.text);
          continue;
        }
        const revision = Number(said.id);
        const resource = JSON.parse(said.data) as Resource;
        if (place.take(revision, resource)) yield { event: said.event, revision, resource };
      }
    } catch (thrown) {
      if (thrown instanceof RefusedError && !passing.has(thrown.problem.status)) throw thrown;
      const reason = thrown instanceof WeirError ? thrown.message : 'the connection was lost; it is taken up again where it was';
      if (reason !== lostBy) request.onLost(reason);
      lostBy = reason;
    }
    await new Promise((resolve) => setTimeout(resolve, request.pauseMs));
  }
}

/**
 * How far a reader is. All events of a commit carry its revision, and a stream may end between two of them: a revision is complete only once
 * a later one is heard of. What was told of the one that is not is told again when the stream is taken up behind the one before, and left out.
 */
class WatchPlace {
  #complete: number;
  /** What was told of the next revision. */
  readonly #told = new Set<string>();

  constructor(complete: number) {
    this.#complete = complete;
  }

  get complete(): number {
    return this.#complete;
  }

  /** Whether it was not told before. */
  take(revision: number, { kind, metadata }: Resource): boolean {
    this.#reach(revision - 1);
    const key = `${kind}/${metadata.tenant ?? ''}/${metadata.name}`;
    if (revision <= this.#complete || this.#told.has(key)) return false;
    this.#told.add(key);
    return true;
  }

  /** `complete REVISION`: everything up to there was told, whether or not it concerns this reader. */
  note(comment: string): void {
    const [, revision] = /^complete (\d+)$/.exec(comment) ?? [];
    if (revision !== undefined) this.#reach(Number(revision));
  }

  #reach(revision: number): void {
    if (revision <= this.#complete) return;
    this.#complete = revision;
    this.#told.clear();
  }
}
