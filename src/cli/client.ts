import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { reasonOf, WeirError } from '../base/errors.ts';
import type { Problem } from '../api/schema/problem.ts';
import type { Connection } from './command.ts';

/** The server refused or failed; what it said. */
export class RefusedError extends WeirError {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.code, problem.detail);
    this.problem = problem;
  }
}

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

export type ServerEvent =
  | { readonly kind: 'event'; readonly id: string; readonly event: string; readonly data: string }
  | { readonly kind: 'comment'; readonly text: string };

/** Streams say something every 15 s. */
const silenceMsMax = 60_000;

/** Calls the API. Rejects with `RefusedError`, or with a `WeirError` `unreachable` when there is no answer to speak of. */
export class Client {
  readonly #connection: Connection;
  readonly #tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };

  constructor(connection: Connection) {
    this.#connection = connection;
    const files = { ca: connection.ca, cert: connection.cert, key: connection.key };
    this.#tls = Object.fromEntries(
      Object.entries(files).flatMap(([name, path]) => (path === undefined ? [] : [[name, readFileSync(path)]])),
    );
  }

  async call<T>(call: Call): Promise<T> {
    const response = await this.#send(call, 'application/json');
    const text = await readAll(response);
    if ((response.statusCode ?? 0) >= 300) throw refusalOf(response, text);
    return JSON.parse(text) as T;
  }

  /** The bytes of an answer, as they come. */
  async download(path: string): Promise<IncomingMessage> {
    const response = await this.#send({ method: 'GET', path }, 'application/octet-stream');
    if (response.statusCode !== 200) throw refusalOf(response, await readAll(response));
    return response;
  }

  /** Server-sent events until the server ends the stream. Rejects when nothing comes any more. */
  async *events(path: string, query: Call['query']): AsyncGenerator<ServerEvent> {
    const response = await this.#send({ method: 'GET', path, ...(query && { query }) }, 'text/event-stream', silenceMsMax);
    if (response.statusCode !== 200) throw refusalOf(response, await readAll(response));
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response) {
      const blocks = (rest + String(chunk)).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = eventOf(block);
        if (event) yield event;
      }
    }
  }

  #send(call: Call, accept: string, silenceMs = 0): Promise<IncomingMessage> {
    const { server, token, local } = this.#connection;
    const url = new URL(call.path, server);
    if (local === true) url.searchParams.set('consistency', 'local');
    for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) url.searchParams.set(name, value);
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const options: RequestOptions = {
      method: call.method,
      headers: {
        accept,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    };
    return new Promise((resolve, reject) => {
      const request =
        url.protocol === 'https:' ? httpsRequest(url, { ...options, ...this.#tls }, resolve) : httpRequest(url, options, resolve);
      request.on('error', (cause) => reject(unreachable(server, cause)));
      request.setTimeout(silenceMs, () => request.destroy(new Error(`nothing was heard for ${silenceMs / 1000} s`)));
      request.end(body);
    });
  }
}

function unreachable(server: URL, cause: unknown): WeirError {
  const reason = reasonOf(cause) || 'no connection';
  if (isUntrusted(cause)) {
    const advice = 'Pass --ca FILE with the authority that signed its certificate, or set WEIR_CA.';
    return new WeirError('unreachable', `${server.origin} cannot be trusted: ${reason.split(';')[0]}. ${advice}`, { cause });
  }
  const advice =
    'Is "weir serve" running there? A member listens once it has found a leader: its log says what it waits for. Set --server or WEIR_SERVER to ask another.';
  return new WeirError('unreachable', `${server.origin} does not answer: ${reason}. ${advice}`, { cause });
}

/** The certificate was signed by nobody that is known here, as that of a private authority is until it is named. */
const isUntrusted = (cause: unknown): boolean =>
  cause instanceof Error &&
  'code' in cause &&
  /^(UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|CERT_UNTRUSTED)/.test(String(cause.code));

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function refusalOf(response: IncomingMessage, text: string): WeirError {
  if (response.headers['content-type']?.startsWith('application/problem+json')) return new RefusedError(JSON.parse(text) as Problem);
  return new WeirError('unreachable', `the server answered ${response.statusCode} and no problem document: is it Weir?`);
}

/** One block of a stream (WHATWG HTML, section 9.2.6); a comment stands alone in it. */
function eventOf(block: string): ServerEvent | undefined {
  if (block.startsWith(':')) return { kind: 'comment', text: block.slice(1).trim() };
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const parts = /^(id|event|data): ?(.*)$/.exec(line);
    if (parts?.[1] !== undefined) fields.set(parts[1], parts[2] ?? '');
  }
  const data = fields.get('data');
  return data === undefined ? undefined : { kind: 'event', id: fields.get('id') ?? '', event: fields.get('event') ?? 'message', data };
}
