import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

type Environment = Readonly<Record<string, string | undefined>>;

const patienceMs = 5_000;
const attemptsMax = 5;

/**
 * Tells systemd (sd_notify(3)), where it started this process and asked to be told. Node has no datagrams over Unix sockets, so that its own command
 * does it, which is there wherever systemd is. A word that is lost must not end what serves, and is said again.
 */
export async function tellSupervisor(environment: Environment, ...assignments: string[]): Promise<void> {
  if (environment['NOTIFY_SOCKET'] === undefined) return;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    try {
      await promisify(execFile)('systemd-notify', assignments, { timeout: patienceMs });
      return;
    } catch {
      // Too slow, or not to be had.
    }
  }
}
