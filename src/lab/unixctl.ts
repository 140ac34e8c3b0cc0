import { connect, type Socket } from 'node:net';
import { WeirError } from '../base/errors.ts';

/**
 * A connection to a daemon's control socket: what `ovs-appctl` speaks, without a process for each command. JSON-RPC 1.0
 * with strings for parameters and results; one command at a time (Open vSwitch, lib/unixctl.c).
 */
export class ControlConnection {
  readonly #path: string;
  readonly #socket: Socket;
  #text = '';
  #waiting: { readonly resolve: (result: string) => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(path: string, socket: Socket) {
    this.#path = path;
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error.message)).on('close', () => this.#fail('closed'));
  }

  /** Throws `control-failed` when nobody listens. */
  static open(path: string): Promise<ControlConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      const refuse = (error: Error): void => reject(new WeirError('control-failed', `${path}: ${error.message}`, { cause: error }));
      socket.once('error', refuse);
      socket.once('connect', () => {
        socket.off('error', refuse);
        resolve(new ControlConnection(path, socket));
      });
    });
  }

  /** Throws `control-failed` with the daemon's words when it refuses, closes or takes too long. */
  call(method: string, parameters: readonly string[], timeoutMs: number): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      const limit = setTimeout(() => this.#fail(`${method} took longer than ${timeoutMs} ms`), timeoutMs);
      const settled = (): void => {
        clearTimeout(limit);
        this.#waiting = undefined;
      };
      this.#waiting = {
        resolve: (result) => {
          settled();
          resolve(result);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      this.#socket.write(JSON.stringify({ id: 0, method, params: parameters }));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#text += chunk;
    // A reply is one JSON object without a frame: it is complete when it parses, and it can only end in a brace.
    if (!this.#text.endsWith('}')) return;
    let reply: { result: string | null; error: string | null };
    try {
      reply = JSON.parse(this.#text) as typeof reply;
    } catch {
      return;
    }
    this.#text = '';
    if (reply.error === null) this.#waiting?.resolve(reply.result ?? '');
    else this.#fail(reply.error.trim());
  }

  #fail(reason: string): void {
    this.#waiting?.reject(new WeirError('control-failed', `${this.#path}: ${reason}`));
  }
}
