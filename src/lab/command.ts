import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '../base/errors.ts';

/** What a finished command left. `code` is null when a signal ended it, also the one sent at the time limit. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

export interface CommandOptions {
  /** Default 10,000. The command is killed when it takes longer. */
  readonly timeoutMs?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed. */
  readonly input?: string;
}

/** Runs a command to its end. Rejects only when it cannot be started. */
export function execute(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = startChild(argv, options.environment);
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const limit = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 10_000);
    child.once('error', (error) => {
      clearTimeout(limit);
      reject(startFailure(argv, error));
    });
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code, stdout, stderr, timedOut });
    });
    // A command that ends without reading its input closes the pipe; its exit code tells what happened.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/**
 * Runs a command that has to succeed and returns its standard output.
 * Throws `command-failed` with the command and its complaint otherwise.
 */
export async function expectSuccess(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await execute(argv, options);
  if (result.code === 0) return result.stdout;
  const complaint = (result.stderr || result.stdout).trim();
  const end = result.timedOut ? `did not end within ${options.timeoutMs ?? 10_000} ms` : `ended with ${result.code ?? 'a signal'}`;
  throw new WeirError('command-failed', `${argv.join(' ')} ${end}${complaint === '' ? '' : `: ${complaint}`}`);
}

/** Starts a command with pipes on its three streams and leaves it running. */
export function startChild(argv: readonly string[], environment?: Readonly<Record<string, string>>): ChildProcess {
  const [file, ...args] = argv;
  return spawn(file ?? '', args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PATH: searchPath(), LC_ALL: 'C', ...environment },
  });
}

/** Daemons and network tools are in directories that a root shell made by `su` does not search. */
function searchPath(): string {
  return `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`;
}

/** Throws `program-missing`, naming what to install, unless all of these programs are there. */
export function assertPrograms(programs: readonly string[]): void {
  const directories = searchPath()
    .split(':')
    .filter((directory) => directory !== '');
  const missing = programs.filter((program) => !directories.some((directory) => existsSync(join(directory, program))));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(packageOf))];
  throw new WeirError('program-missing', `not installed: ${missing.join(', ')}. Install with: apt-get install ${packages.join(' ')}`);
}

/** A missing program is named together with the Debian package that brings it. */
function startFailure(argv: readonly string[], error: NodeJS.ErrnoException): WeirError {
  const program = argv[0] ?? '';
  if (error.code !== 'ENOENT') return new WeirError('command-failed', `${program} cannot be started: ${error.message}`, { cause: error });
  return new WeirError('program-missing', `${program} is not installed: apt-get install ${packageOf(program)}`, { cause: error });
}

/** The Debian package of a program that the lab runs. */
function packageOf(program: string): string {
  if (program.startsWith('ovs')) return 'openvswitch-switch';
  const packages: Readonly<Record<string, string>> = {
    ip: 'iproute2',
    nsenter: 'util-linux',
    nft: 'nftables',
    ping: 'iputils-ping',
    perl: 'perl-base',
  };
  return packages[program] ?? program;
}
