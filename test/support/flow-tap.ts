import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Lab } from '../../src/lab/index.ts';
import { startChild } from '../../src/lab/command.ts';
import { ControlConnection } from '../../src/lab/unixctl.ts';
import { until } from './weir-client.ts';

const answerMsMax = 60_000;

/** Has a switch tell of each change of a flow, whichever controller made it: by a flow monitor on its management socket. */
export class FlowTap {
  readonly host: string;
  readonly #child: ChildProcess;
  readonly #control: string;
  readonly #ended: Promise<unknown>;
  #changes = 0;
  #barriers = 0;
  #tail = '';

  private constructor(host: string, child: ChildProcess, control: string) {
    this.host = host;
    this.#child = child;
    this.#control = control;
    this.#ended = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('latin1').on('data', (part: string) => this.#hear(part));
  }

  static async at(lab: Lab, host: string): Promise<FlowTap> {
    const { directory } = lab.host(host);
    const control = join(directory, 'flow-tap.ctl');
    const argv = ['ovs-ofctl', '-O', 'OpenFlow15', `--unixctl=${control}`, 'monitor', 'br-int', 'watch:!initial'];
    const tap = new FlowTap(host, startChild(argv, { OVS_RUNDIR: directory }), control);
    // It listens there once the switch watches.
    await until(() =>
      tap.count().then(
        () => true,
        () => tap.#isOver(),
      ),
    );
    return tap;
  }

  #hear(part: string): void {
    const lines = (this.#tail + part).split('\n');
    this.#tail = lines.pop() ?? '';
    this.#changes += lines.filter((line) => /\bevent=(ADDED|DELETED|MODIFIED)\b/.test(line)).length;
    this.#barriers += lines.filter((line) => line.startsWith('OFPT_BARRIER_REPLY')).length;
  }

  #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /**
   * How many changes there were, once everything that was done before the call was told: what the switch answers to a barrier comes behind
   * that. One call at a time. Throws when nothing is told any more.
   */
  async count(): Promise<number> {
    const { exitCode, signalCode } = this.#child;
    if (this.#isOver()) throw new Error(`the tap of ${this.host} ended with ${exitCode ?? signalCode}`);
    const barriers = this.#barriers;
    const control = await ControlConnection.open(this.#control);
    try {
      await control.call('ofctl/barrier', [], answerMsMax);
    } finally {
      control.close();
    }
    await until(() => this.#barriers > barriers);
    return this.#changes;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}
