import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../../src/lab/index.ts';
import { startChild } from '../../src/lab/command.ts';

/** What the switch tells may be so much behind what it did. */
const settleMs = 200;

/** Has a switch tell of each change of a flow, whichever controller made it: by a flow monitor on its management socket. */
export class FlowTap {
  readonly host: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #changes = 0;
  #tail = '';

  private constructor(host: string, child: ChildProcess) {
    this.host = host;
    this.#child = child;
    this.#ended = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('latin1').on('data', (part: string) => this.#hear(part));
  }

  static async at(lab: Lab, host: string): Promise<FlowTap> {
    const argv = ['ovs-ofctl', '-O', 'OpenFlow15', 'monitor', 'br-int', 'watch:!initial'];
    const tap = new FlowTap(host, startChild(argv, { OVS_RUNDIR: lab.host(host).directory }));
    await pause(settleMs);
    return tap;
  }

  #hear(part: string): void {
    const lines = (this.#tail + part).split('\n');
    this.#tail = lines.pop() ?? '';
    this.#changes += lines.filter((line) => /\bevent=(ADDED|DELETED|MODIFIED)\b/.test(line)).length;
  }

  /** How many changes there were, once everything that was done before the call was told. Throws when nothing is told any more. */
  async count(): Promise<number> {
    await pause(settleMs);
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) throw new Error(`the tap of ${this.host} ended with ${exitCode ?? signalCode}`);
    return this.#changes;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}
