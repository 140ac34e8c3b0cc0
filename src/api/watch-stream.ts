import type { ServerResponse } from 'node:http';
import type { Change, Commit, Watch } from '../../cluster/store/port.ts';
import type { Document, Kind } from '../../policies/model/index.ts';
import type { Stored } from '../admission/index.ts';
import { reasonOf } from '../base/errors.ts';
import type { Caller } from './caller.ts';
import type { ApiPorts } from './ports.ts';
import { effectsOf, noEffect, resourceOf } from './resource.ts';

export interface WatchRequest {
  /** Events after this revision. */
  readonly since: number;
  readonly kind: Kind | undefined;
  readonly caller: Caller;
  readonly bufferBytesMax: number;
  /** Between comments that show both ends that the other is there. */
  readonly keepAliveMs: number;
  /** A reader that takes nothing for this long is cut. */
  readonly stalledMsMax: number;
}

/** Commits that wait for what is in effect of their documents: with more, the subscription is given up until they are written. */
const backlogMax = 256;

/** What a reader is told of one commit. */
interface Told {
  readonly revision: number;
  readonly events: readonly { readonly kind: 'put' | 'delete'; readonly stored: Stored }[];
}

/**
 * One reader. `streaming`: subscribed to the store, writing as commits come. `paused`: the reader has `bufferBytesMax` or more to
 * take, the subscription is given up and begins again behind the last revision written once all was taken; so a slow reader costs
 * a bounded buffer, never the events. `closed`: nothing is written any more.
 */
export class WatchStream {
  readonly #ports: ApiPorts;
  readonly #response: ServerResponse;
  readonly #request: WatchRequest;
  #state: 'streaming' | 'paused' | 'closed' = 'streaming';
  #watch: Watch | undefined;
  /** The last revision all of whose events were written. */
  #written: number;
  #backlog: Told[] = [];
  #isWriting = false;
  #keepAlive: NodeJS.Timeout | undefined;
  #stalled: NodeJS.Timeout | undefined;
  #closed: () => void = () => undefined;

  constructor(ports: ApiPorts, response: ServerResponse, request: WatchRequest) {
    this.#ports = ports;
    this.#response = response;
    this.#request = request;
    this.#written = request.since;
  }

  onClose(closed: () => void): void {
    this.#closed = closed;
  }

  start(): void {
    const response = this.#response;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.on('close', () => this.close());
    response.on('error', () => this.close());
    response.on('drain', () => this.#resume());
    response.write(`: watching behind revision ${this.#request.since}\n\n`);
    this.#keepAlive = setInterval(() => this.#sayComplete(), this.#request.keepAliveMs);
    this.#subscribe();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#watch?.close();
    clearInterval(this.#keepAlive);
    clearTimeout(this.#stalled);
    this.#response.end();
    this.#closed();
  }

  #subscribe(): void {
    try {
      const watch = this.#ports.store.watch(
        this.#written,
        (commits) => this.#take(commits),
        (error) => this.#cut(error.message),
      );
      // The store may have called back, and paused or cut us, before it returned.
      if (this.#state === 'streaming') this.#watch = watch;
      else watch.close();
    } catch (thrown) {
      this.#cut(reasonOf(thrown));
    }
  }

  #take(commits: readonly Commit[]): void {
    for (const { revision, changes } of commits)
      this.#backlog.push({ revision, events: changes.flatMap((change) => this.#eventOf(change) ?? []) });
    if (this.#backlog.length > backlogMax) this.#unsubscribe();
    if (!this.#isWriting) void this.#writeBacklog();
  }

  #unsubscribe(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  async #writeBacklog(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#state === 'streaming' && this.#backlog.length > 0) {
        const all = this.#backlog.splice(0);
        await this.#write(all);
        if (all.some(({ events }) => events.length > 0)) this.#sayComplete();
      }
    } catch (thrown) {
      this.#cut(reasonOf(thrown));
    }
    this.#isWriting = false;
    if (this.#state === 'streaming' && this.#watch === undefined) this.#subscribe();
  }

  async #write(all: readonly Told[]): Promise<void> {
    const documents = all.flatMap(({ events }) => events.map(({ stored }) => stored));
    const effects = (await effectsOf(this.#ports, documents)).values();
    for (const { revision, events } of all) {
      if (this.#state !== 'streaming') return;
      const lines = events.map(({ kind, stored }) => {
        const resource = resourceOf(this.#ports, stored, effects.next().value ?? noEffect);
        return `id: ${revision}\nevent: ${kind}\ndata: ${JSON.stringify(resource)}\n\n`;
      });
      this.#written = revision;
      if (lines.length > 0) this.#response.write(lines.join(''));
      if (this.#response.writableLength >= this.#request.bufferBytesMax) this.#pause();
    }
  }

  /** All events of a commit carry its revision: only this tells a reader that there are no more of them. It also keeps who sees none from falling behind what is kept. */
  #sayComplete(): void {
    if (this.#state === 'streaming') this.#response.write(`: complete ${this.#written}\n\n`);
  }

  #pause(): void {
    this.#state = 'paused';
    this.#unsubscribe();
    this.#backlog = [];
    this.#stalled = setTimeout(() => this.#cut('the reader is too slow'), this.#request.stalledMsMax);
  }

  #resume(): void {
    if (this.#state !== 'paused') return;
    clearTimeout(this.#stalled);
    this.#state = 'streaming';
    this.#subscribe();
  }

  #cut(reason: string): void {
    this.#ports.metrics.watcherCut();
    this.#ports.log.warn({ caller: this.#request.caller.name, revision: this.#written, reason }, 'watch cut');
    this.#response.destroy();
    this.close();
  }

  #eventOf(change: Change): Told['events'][number] | undefined {
    const entry = change.after ?? change.before;
    if (!entry || !change.key.startsWith('doc/')) return undefined;
    const document = JSON.parse(entry.value) as Document;
    if (this.#request.kind !== undefined && document.kind !== this.#request.kind) return undefined;
    if (!visible(this.#request.caller, document)) return undefined;
    return { kind: change.after ? 'put' : 'delete', stored: { document, revision: entry.modRevision } };
  }
}

/** A tenant sees its own documents and its own Tenant. */
function visible(caller: Caller, document: Document): boolean {
  if (caller.role !== 'tenant') return true;
  return document.kind === 'Tenant' ? document.metadata.name === caller.tenant : document.metadata.tenant === caller.tenant;
}
