import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Lab } from '../lab/index.ts';

/** One of Open vSwitch's own tools that tells what a switch does, as it does, until it is stopped. */
export interface Ear {
  /** What it has said so far. */
  readonly text: string;
  /** Returns all of it. */
  stop(): Promise<string>;
}

/** Bridges are known by name; the host's other sockets are in its directory. `heard` is called when there is more. */
export function openEar(lab: Lab, host: string, [program = '', ...args]: readonly string[], heard: () => void = () => undefined): Ear {
  const { directory } = lab.host(host);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OVS_RUNDIR: directory, PATH: `${process.env['PATH'] ?? ''}:/usr/bin:/bin` },
  });
  let text = '';
  const take = (part: string): void => {
    text += part;
    heard();
  };
  child.stdout.setEncoding('latin1').on('data', take);
  child.stderr.setEncoding('latin1').on('data', take);
  const closed = once(child, 'close');
  return {
    get text() {
      return text;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await closed;
      return text;
    },
  };
}
