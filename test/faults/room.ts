import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { expectSuccess } from '../../src/lab/command.ts';
import { runIp, runScriptIn } from '../../src/lab/namespace.ts';

/**
 * Runs a script in namespaces of its own for network, mounts and processes. When it ends, however it ends, the kernel takes away every process,
 * interface, filter and mount that was made in there.
 */
export function startInRoom(script: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env): ChildProcess {
  const isolation = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  return spawn('unshare', [...isolation, '--', process.execPath, script, ...args], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const bridge = 'between';
const prefix = '10.77.0';
const here = `${prefix}.254`;

/** Members in network namespaces of their own, on one bridge with who asks them. To be called in a room, once. */
export class Cabling {
  readonly #numbers = new Map<string, number>();

  static async lay(): Promise<Cabling> {
    // Names of namespaces are files there, of this room alone.
    await expectSuccess(['mount', '-t', 'tmpfs', 'names', '/run']);
    mkdirSync('/run/netns');
    await runIp(['link set lo up', `link add ${bridge} type bridge`, `address add ${here}/24 dev ${bridge}`, `link set ${bridge} up`]);
    return new Cabling();
  }

  async plug(id: string): Promise<void> {
    const number = this.#numbers.size + 1;
    this.#numbers.set(id, number);
    await runIp([`netns add ${id}`, `link add to-${id} type veth peer name net netns ${id}`, `link set to-${id} master ${bridge} up`]);
    await runScriptIn(id, [`ip address add ${this.address(id)}/24 dev net`, 'ip link set net up', 'ip link set lo up']);
    await this.clear(id);
  }

  address(id: string): string {
    return `${prefix}.${this.#numbers.get(id) ?? 0}`;
  }

  /** All that comes and goes at the member. */
  async clear(id: string): Promise<void> {
    await this.#filter(id, []);
  }

  /** What comes from the others does not arrive; `both`: nor does what goes to them. Who asks from outside gets through. */
  async cut(id: string, others: readonly string[], both: boolean): Promise<void> {
    const list = others.map((other) => this.address(other)).join(', ');
    await this.#filter(id, [`ip saddr { ${list} } drop`], both ? [`ip daddr { ${list} } drop`] : []);
  }

  /** Of what comes from the others, so many of a hundred packets are lost. */
  async lose(id: string, others: readonly string[], percent: number): Promise<void> {
    const list = others.map((other) => this.address(other)).join(', ');
    await this.#filter(id, [`ip saddr { ${list} } numgen random mod 100 < ${percent} drop`]);
  }

  async #filter(id: string, incoming: readonly string[], outgoing: readonly string[] = []): Promise<void> {
    const chain = (hook: string, rules: readonly string[]): string[] => [
      `chain ${hook} { type filter hook ${hook} priority 0;`,
      ...rules.map((rule) => `${rule};`),
      '}',
    ];
    const table = ['table inet faults {', ...chain('input', incoming), ...chain('output', outgoing), '}'];
    await runScriptIn(id, [`nft -f - <<'END'\ntable inet faults\ndelete table inet faults\n${table.join('\n')}\nEND`]);
  }
}
