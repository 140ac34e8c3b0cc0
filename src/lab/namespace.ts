import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { type CommandOptions, type CommandResult, execute, expectSuccess } from './command.ts';

/** Network namespaces by the names that iproute2 gives them. */
const netnsDirectory = '/run/netns';

export const netnsPath = (netns: string): string => `${netnsDirectory}/${netns}`;

/** The command as it runs inside the namespace. nsenter becomes the command: its pid and signals are the command's. */
export function inNamespace(netns: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=${netnsPath(netns)}`, '--', ...argv];
}

export function executeIn(netns: string, argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
  return execute(inNamespace(netns, argv), options);
}

/** Runs shell lines in the namespace and stops at the first that fails. */
export async function runScriptIn(netns: string, lines: readonly string[]): Promise<void> {
  await expectSuccess(inNamespace(netns, ['sh', '-e']), { input: `${lines.join('\n')}\n` });
}

/** Runs `ip` commands in the root namespace in one process; the first that fails ends it. */
export async function runIp(lines: readonly string[]): Promise<void> {
  await expectSuccess(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** The same, but goes on after a line that fails. Returns all complaints. */
export async function runIpTolerant(lines: readonly string[]): Promise<string> {
  return (await execute(['ip', '-force', '-batch', '-'], { input: `${lines.join('\n')}\n` })).stderr.trim();
}

export async function listNamespaces(): Promise<string[]> {
  return namesIn(netnsDirectory);
}

/** Names in a directory; none when there is no such directory. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The pids of all processes whose network namespace is one of these. */
export async function processesIn(namespaces: readonly string[]): Promise<number[]> {
  const wanted = new Set<string>();
  for (const netns of namespaces) {
    const entry = await optional(stat(netnsPath(netns)));
    if (entry) wanted.add(`net:[${entry.ino}]`);
  }
  if (wanted.size === 0) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const links = await Promise.all(pids.map((pid) => optional(readlink(`/proc/${pid}/ns/net`))));
  return pids.filter((_, index) => wanted.has(links[index] ?? '')).map(Number);
}

/** The command line of a process, its arguments separated by NUL; undefined when it has ended. */
export function commandLineOf(pid: number): Promise<string | undefined> {
  return optional(readFile(`/proc/${pid}/cmdline`, 'utf8'));
}

/**
 * When a process started, in clock ticks since boot: together with the pid it names the process for ever. Undefined for a
 * process that has ended, also for a zombie that nobody has collected: but not before its last thread is gone, and with it the locks on its files.
 */
export async function startTicksOf(pid: number): Promise<string | undefined> {
  const text = await optional(readFile(`/proc/${pid}/stat`, 'utf8'));
  // The second field is the program's name in parentheses and may hold spaces; then come the state and, as the 20th and 22nd, the threads and the start.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  const isDead = fields[0] === 'Z' || fields[0] === 'X';
  return isDead && Number(fields[17]) <= 1 ? undefined : fields[19];
}

/** Undefined for a file or process that is not there, or no more. */
async function optional<T>(pending: Promise<T>): Promise<T | undefined> {
  try {
    return await pending;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
}

/** Kills processes and waits until they are gone, or are zombies that their parent has yet to collect. */
export async function endProcesses(pids: readonly number[], signal: NodeJS.Signals = 'SIGKILL', timeoutMs = 30_000): Promise<number[]> {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  const deadline = performance.now() + timeoutMs;
  let left = [...pids];
  for (;;) {
    const starts = await Promise.all(left.map(startTicksOf));
    left = left.filter((_, index) => starts[index] !== undefined);
    if (left.length === 0 || performance.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
