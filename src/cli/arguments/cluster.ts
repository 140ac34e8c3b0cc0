import type { Command as Program } from 'commander';
import type { ClusterCommand } from '../command.ts';
import { clientCommand, type ClientOptions, connectionOf, type Environment, type Found } from './client.ts';

type Options = ClientOptions & { readonly json?: true };

/** Members, and the data as a whole. */
export function clusterCommands(program: Program, environment: Environment, found: Found): void {
  const cluster = program.command('cluster').description('the members of the cluster');
  const asked = (verb: ClusterCommand['verb'], options: Options): void =>
    found({ kind: 'cluster', verb, connection: connectionOf(options, environment), json: options.json === true });
  clientCommand(cluster, 'status', 'who is there, who leads, how far each is')
    .option('--json', 'print JSON')
    .action((options: Options) => asked({ kind: 'status' }, options));
  clientCommand(cluster, 'add', 'let a new member in: it gets the data, and votes once it has it')
    .argument('<id>')
    .requiredOption('--address <host:port>', 'where it listens for the other members')
    .option('--json', 'print JSON')
    .action((id: string, options: Options & { address: string }) => asked({ kind: 'add', id, address: options.address }, options));
  clientCommand(cluster, 'remove', 'take a member out for ever')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action((id: string, options: Options) => asked({ kind: 'remove', id }, options));
  clientCommand(cluster, 'transfer', 'let another member lead')
    .argument('[id]', 'the voter that has most when it is left out')
    .option('--json', 'print JSON')
    .action((id: string | undefined, options: Options) => asked({ kind: 'transfer', to: id }, options));
  clientCommand(cluster, 'rejoin', 'give up data that is damaged, so that this member can come back under a new name')
    .requiredOption('--data <dir>', 'as for serve, which must not run on it')
    .option('--member <id>', 'its old name, where the data does not tell')
    .option('--json', 'print JSON')
    .action((options: Options & { data: string; member?: string }) =>
      found({
        kind: 'rejoin',
        data: options.data,
        member: options.member,
        connection: connectionOf(options, environment),
        json: options.json === true,
      }),
    );
  clientCommand(program, 'backup', 'all that is stored, at one revision, in a file')
    .argument('<file>')
    .option('--json', 'print JSON')
    .action((file: string, options: Options) =>
      found({ kind: 'backup', file, connection: connectionOf(options, environment), json: options.json === true }),
    );
  program
    .command('restore')
    .description('make a data directory of a backup: a new cluster of one')
    .argument('<file>')
    .requiredOption('--data <dir>', 'as for serve; must have no data')
    .option('--member-id <id>', 'its name in the new cluster; a random one by default')
    .option('--json', 'print JSON')
    .action((file: string, options: { data: string; memberId?: string; json?: true }) =>
      found({ kind: 'restore', file, data: options.data, member: options.memberId, json: options.json === true }),
    );
}
