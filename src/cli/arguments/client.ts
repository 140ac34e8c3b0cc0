import { InvalidArgumentError } from 'commander';
import type { Command as Program } from 'commander';
import type { Command, Connection } from '../command.ts';

/** What commands that ask a controller have in common. */

export type Environment = Readonly<Record<string, string | undefined>>;

export type Found = (command: Command) => void;

export const serverDefault = 'http://127.0.0.1:6680';

export interface ClientOptions {
  readonly server?: URL;
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly local?: true;
}

export function clientCommand(program: Program, name: string, description: string): Program {
  return program
    .command(name)
    .description(description)
    .option('--server <url>', `the API; ${serverDefault} by default (WEIR_SERVER)`, urlOf)
    .option('--token <token>', 'bearer token (WEIR_TOKEN)')
    .option('--ca <file>', 'authority that the server must be signed by, PEM (WEIR_CA)')
    .option('--cert <file>', 'client certificate, PEM (WEIR_CERT)')
    .option('--key <file>', 'its key, PEM (WEIR_KEY)');
}

export function connectionOf(options: ClientOptions, environment: Environment): Connection {
  const { WEIR_SERVER, WEIR_TOKEN, WEIR_CA, WEIR_CERT, WEIR_KEY } = environment;
  return {
    server: options.server ?? urlOf(WEIR_SERVER ?? serverDefault),
    token: options.token ?? WEIR_TOKEN,
    ca: options.ca ?? WEIR_CA,
    cert: options.cert ?? WEIR_CERT,
    key: options.key ?? WEIR_KEY,
    ...(options.local === true && { local: true }),
  };
}

function urlOf(text: string): URL {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw new InvalidArgumentError(`"${text}" is no http:// or https:// address.`);
  return url;
}

export function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}

export function readOptions(command: Program): Program {
  return command.option(
    '--local',
    'what the member that is asked has, without asking the others: works without a majority, and may be old',
  );
}

export function writeOptions(command: Program): Program {
  return command
    .option('--wait', 'until every switch concerned has committed it')
    .option('--timeout-ms <ms>', 'how long to wait; 5000 by default', positive)
    .option('--dry-run', 'say what would change; store nothing')
    .option('--json', 'print JSON');
}

export interface WriteFlags extends ClientOptions {
  readonly tenant?: string;
  readonly wait?: true;
  readonly timeoutMs?: number;
  readonly dryRun?: true;
  readonly json?: true;
}

export const writeFlagsOf = ({ wait, timeoutMs, dryRun, json }: WriteFlags) => ({
  wait: wait === true,
  timeoutMs,
  dryRun: dryRun === true,
  json: json === true,
});
