import { execFile } from 'node:child_process';
import { reasonOf, WeirError } from '../../base/errors.ts';
import { launcher, plainEnvironment } from '../controller.ts';

const timeoutMs = 60_000;

/** Runs `bin/weir …` and returns what it prints. Throws `command-failed` with what it complains of. */
export function expectWeir(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(launcher, args, { env: plainEnvironment(), timeout: timeoutMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new WeirError('command-failed', `weir ${args.join(' ')}: ${stderr.trim() || reasonOf(error)}`, { cause: error }));
    });
  });
}
