import { setTimeout as pause } from 'node:timers/promises';
import type { RegisterAction, RegisterResult } from '../linearizability/register.ts';
import { type Asked, Caller, type Heard } from './caller.ts';
import { Dice } from './dice.ts';
import { type Found, foundIn, type Key, keysOf, nameOf, pathOf, type Record, tenant } from './record.ts';

/** Whom the clients may ask. */
export interface Members {
  readonly ids: readonly string[];
  readonly token: string;
  readonly ca: string;
  url(id: string): string;
}

const triesMax = 12;
const retryMs = 100;
const thinkMsMax = 25;

/** Clients that write and read the same documents at all members, and remember what they were told. */
export class Load {
  readonly records: Record[] = [];
  /** Of the documents that are written now. */
  phase = 'p0';
  readonly #members: Members;
  readonly #running: Promise<void>[] = [];
  #stopped = false;

  constructor(members: Members, clients: number, seed: number) {
    this.#members = members;
    for (let client = 1; client <= clients; client++) this.#running.push(this.#run(new Client(`c${client}`, members, seed + client)));
  }

  async #run(client: Client): Promise<void> {
    while (!this.#stopped) {
      const record = await client.turn(this.phase, this.#members.ids);
      if (record !== undefined) this.records.push(record);
      await pause(client.thinkMs());
    }
    client.close();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }
}

class Client {
  readonly #name: string;
  readonly #members: Members;
  readonly #dice: Dice;
  readonly #caller: Caller;
  /** What it saw last of a document. */
  readonly #seen = new Map<string, Found>();
  #operations = 0;

  constructor(name: string, members: Members, seed: number) {
    this.#name = name;
    this.#members = members;
    this.#dice = new Dice(seed);
    this.#caller = new Caller(members.token, members.ca);
  }

  thinkMs(): number {
    return this.#dice.below(thinkMsMax);
  }

  close(): void {
    this.#caller.close();
  }

  #ask(at: string, asked: Asked): Promise<Heard> {
    return this.#caller.ask(this.#members.url(at), asked);
  }

  turn(phase: string, ids: readonly string[]): Promise<Record | undefined> {
    const key = this.#dice.of(keysOf(phase));
    const at = this.#dice.of(ids);
    if (this.#dice.below(8) === 0) return this.#list(at, key);
    const action = this.#action(key);
    if (action.kind === 'get') return this.#get(at, key);
    return key.kind === 'vms' ? this.#writeOnce(ids, key, action) : this.#write(at, key, action);
  }

  #action(key: Key): RegisterAction {
    const value = `${this.#name}-${++this.#operations}`;
    const dice = this.#dice.below(100);
    if (dice < 30) return { kind: 'get' };
    if (dice < 42) return { kind: 'delete' };
    const seen = this.#seen.get(nameOf(key))?.value;
    if (key.kind === 'groups' && dice < 65 && seen !== undefined) return { kind: 'replace', seen, value };
    if (key.kind === 'groups' && dice < 75) return { kind: 'create', value };
    return { kind: 'put', value };
  }

  async #list(at: string, { kind, phase }: Key): Promise<Record | undefined> {
    const calledAt = performance.now();
    const heard = await this.#ask(at, { method: 'GET', path: `/v1/tenants/${tenant}/${kind}?limit=1000&labelSelector=phase=${phase}` });
    if (heard.kind !== 'answer' || heard.status !== 200) return undefined;
    const { items, revision } = heard.body as unknown as { readonly items: readonly unknown[]; readonly revision: number };
    const found = new Map(
      items.map((item) => {
        const { name, ...rest } = foundIn(item);
        return [`${kind}/${name}`, rest] as const;
      }),
    );
    const keys = keysOf(phase)
      .filter((key) => key.kind === kind)
      .map(nameOf);
    return { kind: 'list', client: this.#name, at, calledAt, answeredAt: performance.now(), keys, revision, found };
  }

  async #get(at: string, key: Key): Promise<Record | undefined> {
    const calledAt = performance.now();
    const heard = await this.#ask(at, { method: 'GET', path: pathOf(key) });
    if (heard.kind !== 'answer' || (heard.status !== 200 && heard.status !== 404)) return undefined;
    const found = heard.status === 200 ? foundIn(heard.body) : undefined;
    if (found === undefined) this.#seen.delete(nameOf(key));
    else this.#seen.set(nameOf(key), found);
    const answer = { at: performance.now(), result: { kind: 'found' as const, value: found?.value } };
    return {
      kind: 'key',
      client: this.#name,
      key: nameOf(key),
      at: [at],
      action: { kind: 'get' },
      calledAt,
      answer,
      revision: found?.revision,
      said: String(heard.status),
    };
  }

  async #write(at: string, key: Key, action: Writing): Promise<Record> {
    const seen = action.kind === 'replace' ? this.#seen.get(nameOf(key))?.revision : undefined;
    const calledAt = performance.now();
    const heard = await this.#ask(at, requestOf(key, action, conditionOf(action, seen)));
    return this.#told(key, action, [at], calledAt, heard);
  }

  /** Asks again, elsewhere, under the same key, until it is told what became of it. */
  async #writeOnce(ids: readonly string[], key: Key, action: Writing): Promise<Record> {
    const idempotencyKey = `${this.#name}-${this.#operations}`;
    const calledAt = performance.now();
    const at: string[] = [];
    let heard: Heard = { kind: 'unsent' };
    let wasSent = false;
    while (at.length < triesMax) {
      const member = this.#dice.of(ids);
      at.push(member);
      heard = await this.#ask(member, requestOf(key, action, { 'idempotency-key': idempotencyKey }));
      const result = resultOf(action, heard);
      if (result?.kind === 'done' || (result?.kind === 'unmet' && !wasSent)) break;
      wasSent ||= result === undefined;
      await pause(retryMs);
    }
    // What is refused the second time may yet be under way from the first.
    if (wasSent && resultOf(action, heard)?.kind !== 'done') heard = { kind: 'silence' };
    return this.#told(key, action, at, calledAt, heard);
  }

  #told(key: Key, action: Writing, at: readonly string[], calledAt: number, heard: Heard): Record {
    const result = resultOf(action, heard);
    const answeredAt = performance.now();
    const written = result?.kind === 'done' && action.kind !== 'delete' ? writtenIn(key, heard) : undefined;
    if (written !== undefined) this.#seen.set(nameOf(key), written);
    else this.#seen.delete(nameOf(key));
    const answer = result === undefined ? undefined : { at: answeredAt, result };
    const said = heard.kind === 'answer' ? `${heard.status} ${codeOf(heard.body)}`.trim() : heard.kind;
    const isOwn = action.kind !== 'delete' && written?.value === action.value;
    return {
      kind: 'key',
      client: this.#name,
      key: nameOf(key),
      at,
      action,
      calledAt,
      answer,
      said,
      revision: isOwn ? written.revision : undefined,
    };
  }
}

type Writing = Exclude<RegisterAction, { readonly kind: 'get' }>;

function conditionOf(action: Writing, seen: number | undefined): Readonly<{ [header: string]: string }> {
  if (action.kind === 'create') return { 'if-none-match': '*' };
  return action.kind === 'replace' ? { 'if-match': `"${seen ?? 0}"` } : {};
}

function requestOf(key: Key, action: Writing, headers: Readonly<{ [header: string]: string }>): Asked {
  const path = pathOf(key);
  if (action.kind === 'delete') return { method: 'DELETE', path, headers };
  const metadata = { labels: { op: action.value, phase: key.phase } };
  const spec = key.kind === 'groups' ? { cidrs: ['192.0.2.0/24'] } : {};
  return { method: 'PUT', path, headers, body: { metadata, spec } };
}

/** Undefined: it may have been done, or may yet be. */
function resultOf(action: Writing, heard: Heard): RegisterResult | undefined {
  if (heard.kind === 'silence') return undefined;
  if (heard.kind === 'unsent') return { kind: 'refused' };
  const { status, body } = heard;
  if (status < 300) return { kind: 'done' };
  if (status === 412 || (status === 404 && action.kind === 'delete')) return { kind: 'unmet' };
  // Everything else is documented to have changed nothing.
  return codeOf(body) === 'unknown-outcome' || status === 500 ? undefined : { kind: 'refused' };
}

const codeOf = (body: Readonly<{ [field: string]: unknown }>): string => (typeof body['code'] === 'string' ? body['code'] : '');

function writtenIn(key: Key, heard: Heard): Found | undefined {
  if (heard.kind !== 'answer') return undefined;
  return foundIn(key.kind === 'vms' ? heard.body['vm'] : heard.body);
}
