import type { ChildProcess } from 'node:child_process';
import type { Guest, Lab } from '../../src/lab/index.ts';

const script = (local: number, address: string, port: number): string => `
  const socket = require('node:dgram').createSocket('${address.includes(':') ? 'udp6' : 'udp4'}');
  socket.on('message', () => console.log('reply'));
  socket.on('error', (error) => console.log(error.code));
  socket.bind(${local}, () => socket.connect(${port}, '${address}', () => console.log('ready')));
  process.stdin.on('data', () => socket.send('x', () => undefined));`;

/** A connected UDP socket in a guest, that tells of each reply and of each ICMP error that the kernel passes on. */
export class UdpCaller {
  readonly #child: ChildProcess;
  readonly #seen: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#seen.push(...text.trim().split('\n')));
  }

  static async open(lab: Lab, from: Guest, localPort: number, address: string, port: number): Promise<UdpCaller> {
    const caller = new UdpCaller(
      lab.spawnInGuest(from, [process.execPath, '--input-type=commonjs', '-e', script(localPort, address, port)]),
    );
    if (await caller.#until('ready', 60_000)) return caller;
    caller.close();
    throw new Error(`no socket at port ${localPort}`);
  }

  /** Sends one datagram. */
  send(): void {
    this.#child.stdin?.write('\n');
  }

  /** Whether a reply or an error came within the time, which is long for what should come; each is told once. */
  async sees(what: 'reply' | 'ECONNREFUSED' | 'EHOSTUNREACH' | 'EACCES', timeoutMs = 20_000): Promise<boolean> {
    return this.#until(what, timeoutMs);
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  async #until(what: string, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const at = this.#seen.indexOf(what);
      if (at >= 0) {
        this.#seen.splice(0, at + 1);
        return true;
      }
      if (performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
