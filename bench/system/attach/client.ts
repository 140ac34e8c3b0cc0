import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/**
 * Asks an API from a process of its own, over TLS, on connections that stay open, one request at a time on each. The parent sends jobs and gets an outcome for
 * each. It does little more than write and count bytes, so that what is measured is who answers.
 */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

export interface Job {
  readonly port: number;
  readonly ca: string;
  readonly token: string;
  readonly connections: number;
  readonly requests: readonly Asked[];
}

export interface Outcome {
  /** Of each request, from its first byte to the last of its answer, in the order of the requests. */
  readonly times: readonly number[];
  readonly totalMs: number;
  /** The first answer that is none of success, or says that a switch was not waited for. */
  readonly complaint?: string;
}

const closed = 'HTTP/1.1 000 the connection was closed';

class Connection {
  readonly #socket: TLSSocket;
  #received = '';
  #answered: ((answer: string) => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (chunk: string) => this.#receive(chunk));
    socket.on('close', () => this.#answered?.(closed));
  }

  static open(port: number, ca: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca });
      socket.setNoDelay();
      socket.once('error', reject).once('secureConnect', () => resolve(new Connection(socket)));
    });
  }

  ask(bytes: string): Promise<string> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      if (this.#socket.destroyed) resolve(closed);
      else this.#socket.write(bytes);
    });
  }

  #receive(chunk: string): void {
    this.#received += chunk;
    const head = this.#received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#received.slice(0, head))?.[1]);
    if (this.#received.length < head + 4 + length) return;
    const answer = this.#received;
    this.#received = '';
    this.#answered?.(answer);
  }

  close(): void {
    this.#answered = undefined;
    this.#socket.destroy();
  }
}

function bytesOf({ method, path, body }: Asked, token: string): string {
  const text = body === undefined ? '' : JSON.stringify(body);
  const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n`;
  return `${head}${text === '' ? '' : `content-type: application/json\r\ncontent-length: ${text.length}\r\n`}\r\n${text}`;
}

const isGood = (answer: string): boolean => /^HTTP\/1\.1 20[01] /.test(answer) && !answer.includes('"waiting":');

async function perform({ port, ca, token, connections, requests }: Job): Promise<Outcome> {
  const all = await Promise.all(Array.from({ length: connections }, () => Connection.open(port, ca)));
  const bytes = requests.map((each) => bytesOf(each, token));
  const times = requests.map(() => 0);
  let complaint: string | undefined;
  let next = 0;
  const startedMs = performance.now();
  await Promise.all(
    all.map(async (connection) => {
      while (next < bytes.length && complaint === undefined) {
        const at = next++;
        const askedMs = performance.now();
        const answer = await connection.ask(bytes[at] ?? '');
        times[at] = performance.now() - askedMs;
        if (!isGood(answer)) complaint ??= `${requests[at]?.method} ${requests[at]?.path}: ${answer.slice(0, 2_000)}`;
      }
    }),
  );
  const totalMs = performance.now() - startedMs;
  for (const connection of all) connection.close();
  return { times, totalMs, ...(complaint !== undefined && { complaint }) };
}

process.on('message', (job) => void perform(job as Job).then((outcome) => process.send?.(outcome)));
