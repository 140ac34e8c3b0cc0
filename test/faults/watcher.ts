import type { ClientRequest } from 'node:http';
import { request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { foundIn } from './record.ts';
import type { Members } from './load.ts';

export interface Event {
  readonly revision: number;
  readonly kind: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
}

const plurals: Readonly<{ [kind: string]: string }> = { Group: 'groups', Vm: 'vms' };
const retryMs = 100;

/** Follows what changes at one member, and begins again behind what it was told when the stream ends. */
export class Watcher {
  readonly events: Event[] = [];
  readonly #members: Members;
  readonly #at: string;
  /** The last revision that it was told of. */
  #behind: number;
  #request: ClientRequest | undefined;
  #stopped = false;
  readonly #running: Promise<void>;
  interruptions = -1;

  constructor(members: Members, at: string, behind: number) {
    this.#members = members;
    this.#at = at;
    this.#behind = behind;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.interruptions++;
      await this.#follow();
      if (!this.#stopped) await pause(retryMs);
    }
  }

  #follow(): Promise<void> {
    return new Promise((resolve) => {
      const { token, ca } = this.#members;
      const headers = { authorization: `Bearer ${token}`, 'last-event-id': String(this.#behind) };
      const sent = request(new URL('/v1/watch', this.#members.url(this.#at)), { headers, ca, agent: false });
      this.#request = sent;
      sent.on('error', () => resolve()).on('close', resolve);
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          const blocks = (text + chunk).split('\n\n');
          text = blocks.pop() ?? '';
          for (const block of blocks) this.#take(block);
        });
        response.on('error', () => undefined);
      });
      sent.end();
    });
  }

  #take(block: string): void {
    const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const));
    const id = fields.get('id');
    if (id === undefined) return;
    this.#behind = Number(id);
    const document = JSON.parse(fields.get('data') ?? '') as { readonly kind: string };
    const plural = plurals[document.kind];
    if (plural === undefined) return;
    const { name, value } = foundIn(document);
    const kind = fields.get('event') === 'delete' ? 'delete' : 'put';
    this.events.push({ revision: this.#behind, kind, key: `${plural}/${name}`, value });
  }

  get behind(): number {
    return this.#behind;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#request?.destroy();
    await this.#running;
  }
}
