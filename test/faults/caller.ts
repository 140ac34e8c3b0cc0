import { Agent, request } from 'node:https';

/** What came back: an answer; `unsent`, where nothing can have arrived; `silence`, where it may have. */
export type Heard =
  | { readonly kind: 'answer'; readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  | { readonly kind: 'unsent' }
  | { readonly kind: 'silence' };

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const patienceMs = 1_000;

/** One client's way to all members. */
export class Caller {
  readonly #agent: Agent;
  readonly #token: string;

  constructor(token: string, ca: string) {
    this.#token = token;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
  }

  ask(url: string, { method, path, headers, body }: Asked): Promise<Heard> {
    return new Promise((resolve) => {
      const sent = request(new URL(path, url), {
        method,
        agent: this.#agent,
        headers: { authorization: `Bearer ${this.#token}`, ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
        signal: AbortSignal.timeout(patienceMs),
      });
      sent.on('error', (error: NodeJS.ErrnoException) => resolve({ kind: error.code === 'ECONNREFUSED' ? 'unsent' : 'silence' }));
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('error', () => resolve({ kind: 'silence' }));
        response.on('close', () => resolve(answerOf(response.statusCode ?? 0, response.complete ? text : '')));
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** What was cut short is no answer. */
function answerOf(status: number, text: string): Heard {
  try {
    return { kind: 'answer', status, body: JSON.parse(text) as Readonly<Record<string, unknown>> };
  } catch {
    return { kind: 'silence' };
  }
}
