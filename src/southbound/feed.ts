import type { Commit, Revision, Store, Watch } from '../../cluster/index.ts';
import { WeirError } from '../base/errors.ts';
import type { CommitsTold } from './contract.ts';

export interface FeedOptions {
  readonly store: Pick<Store, 'watch' | 'revision'>;
  /** On the way and not yet taken: beyond, the watch rests and goes on later from the log. */
  readonly underwayBytesMax: number;
  readonly commits: (told: CommitsTold) => void;
  readonly ended: (told: { readonly code: string; readonly message: string; readonly revision: Revision }) => void;
}

const messageBytes = 64;

/** The commits of the store for the other thread, as far as it follows. Idle → fed ⇄ resting → idle. */
export class CommitFeed {
  readonly #options: FeedOptions;
  #watch: Watch | undefined;
  #sent: Revision = 0;
  #underwayBytes = 0;
  #isWanted = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  start(since: Revision): void {
    this.#isWanted = true;
    this.#sent = since;
    this.#follow();
  }

  taken(bytes: number): void {
    this.#underwayBytes -= bytes;
    if (this.#isWanted && this.#watch === undefined && this.#underwayBytes <= this.#options.underwayBytesMax / 2) this.#follow();
  }

  stop(): void {
    this.#isWanted = false;
    this.#watch?.close();
    this.#watch = undefined;
  }

  #follow(): void {
    const { store } = this.#options;
    try {
      this.#watch = store.watch(
        this.#sent,
        (commits) => this.#feed(commits),
        (error) => this.#end(error),
      );
    } catch (thrown) {
      if (!(thrown instanceof WeirError)) throw thrown;
      this.#end(thrown);
    }
  }

  #feed(commits: readonly Commit[]): void {
    const told = toldOf(commits);
    this.#sent = commits.at(-1)?.revision ?? this.#sent;
    this.#underwayBytes += told.bytes;
    this.#options.commits(told);
    if (this.#underwayBytes <= this.#options.underwayBytesMax) return;
    this.#watch?.close();
    this.#watch = undefined;
  }

  #end({ code, message }: WeirError): void {
    this.stop();
    this.#options.ended({ code, message, revision: this.#options.store.revision });
  }
}

function toldOf(commits: readonly Commit[]): CommitsTold {
  let bytes = messageBytes;
  const told = commits.map(({ revision, wallMs, changes }) => ({
    revision,
    wallMs,
    changes: changes.flatMap(({ key, after }) => {
      if (!key.startsWith('doc/') && !key.startsWith('num/')) return [];
      bytes += messageBytes + 2 * (key.length + (after?.value.length ?? 0));
      return [{ key, value: after?.value }];
    }),
  }));
  return { commits: told, bytes };
}
