import type { ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { WeirError } from '../base/errors.ts';
import type { AgentAnswers, AgentReply, AgentRequest } from './agent-protocol.ts';
import { startChild } from './command.ts';
import { inNamespace } from './namespace.ts';

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** Runs beside this file, as source or as compiled. */
const script = fileURLToPath(new URL(`./agent-main${extname(import.meta.url)}`, import.meta.url));

/**
 * A process in a guest's namespace that opens sockets there on request. One process serves all probes of a guest:
 * starting one for each would cost more than the probe. It ends with its standard input, so also when we are killed.
 */
export class Agent {
  readonly #netns: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #last = 0;
  #complaint = '';
  #ended = false;

  constructor(netns: string) {
    this.#netns = netns;
    this.#child = startChild(inNamespace(netns, [process.execPath, '--disable-warning=ExperimentalWarning', script]));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#complaint += text));
    if (this.#child.stdout)
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.#receive(JSON.parse(line) as AgentReply));
    // A write to an agent that has just ended fails; `close` tells everybody who waits.
    this.#child.stdin?.on('error', () => undefined);
    this.#exited = new Promise((resolve) => {
      const end = (): void => {
        this.#ended = true;
        for (const { reject } of this.#waiting.values()) reject(this.#endError());
        this.#waiting.clear();
        resolve();
      };
      this.#child.once('error', (error) => {
        this.#complaint += error.message;
        end();
      });
      this.#child.once('close', end);
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Throws `agent-failed` when the request cannot be carried out, or the agent has ended. */
  ask<K extends AgentRequest['kind']>(request: Extract<AgentRequest, { kind: K }>): Promise<AgentAnswers[K]> {
    if (this.#ended) return Promise.reject(this.#endError());
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ id, request })}\n`);
    });
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
  }

  #receive(reply: AgentReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('error' in reply) waiting?.reject(new WeirError('agent-failed', `agent in ${this.#netns}: ${reply.error}`));
    else waiting?.resolve(reply.answer as never);
  }

  #endError(): WeirError {
    return new WeirError('agent-failed', `the agent in ${this.#netns} has ended: ${this.#complaint.trim() || 'without a word'}`);
  }
}
