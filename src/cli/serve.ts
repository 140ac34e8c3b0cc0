import { type Config, ConfigError, loadConfig, type Sources } from '../config/index.ts';
import { reasonOf, WeirError } from '../base/errors.ts';
import type { ExitCode } from './outcome.ts';
import { tellSupervisor } from './supervisor.ts';
import { requirePorts } from './ports.ts';
import type { Terminal } from './terminal.ts';

/** Where a running controller listens: `http://127.0.0.1:6680`, `tcp:0.0.0.0:6653`, `ssl:0.0.0.0:6640`; null: nowhere. */
interface Addresses {
  readonly api: string;
  readonly openflow: string | null;
  readonly ovsdb: string | null;
}

export interface Running {
  readonly addresses: Addresses;
  renewCertificates(read: () => Config): void;
  close(): Promise<void>;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * `weir serve`: runs until a signal, then lets what is under way end. When everything listens, one line of JSON on standard
 * output says where: `{ "event": "listening", "api", "openflow", "ovsdb" }`.
 */
export async function serve(sources: Sources, start: (config: Config) => Promise<Running>, terminal: Terminal): Promise<ExitCode> {
  let config: Config;
  try {
    config = loadConfig(sources);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    terminal.complain(`error: ${thrown.message}`);
    return 2;
  }
  const { environment } = sources;
  let running: Running | undefined;
  // From the beginning: by itself SIGHUP would be an end.
  const renew = (): void => running?.renewCertificates(() => loadConfig(sources));
  process.on('SIGHUP', renew);
  try {
    await requirePorts(config);
    running = await start(config);
  } catch (thrown) {
    if (!(thrown instanceof WeirError) && !isSystemError(thrown)) throw thrown;
    terminal.complain(`error: ${reasonOf(thrown)}${thrown instanceof WeirError ? ` (${thrown.code})` : ''}`);
    return 1;
  }
  const ended = new Promise<void>((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve());
  });
  if (config.switches.kind === 'off') {
    terminal.complain('no switch can connect: give tls.switches in the configuration, or --insecure-switches for plain tcp');
  }
  terminal.print(JSON.stringify({ event: 'listening', ...running.addresses }));
  await tellSupervisor(environment, 'READY=1', `STATUS=the API listens at ${running.addresses.api}`);
  await ended;
  void tellSupervisor(environment, 'STOPPING=1');
  await running.close();
  process.off('SIGHUP', renew);
  return 0;
}

/** A port in use, a directory that cannot be written: said in one line, without a stack. */
const isSystemError = (thrown: unknown): boolean => thrown instanceof Error && 'syscall' in thrown;
