import { Command as Program, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Overrides } from '../config/index.ts';
import { clientCommand, connectionOf, positive } from './arguments/client.ts';
import type { ClientOptions, Environment, Found } from './arguments/client.ts';
import { clusterCommands } from './arguments/cluster.ts';
import { documentCommands, vmCommands } from './arguments/documents.ts';
import { localCommands } from './arguments/local.ts';
import { questionCommands } from './arguments/questions.ts';
import type { Command } from './command.ts';

/** What is read beside the arguments. */
export interface Surroundings {
  readonly environment: Environment;
  readonly workingDirectory: string;
  /** Standard output is a terminal. */
  readonly isTerminal?: boolean;
  readonly version: string;
}

/** Arguments → one command. What is wrong with them becomes a command too: to say so and exit with 2. */
export function parseArguments(args: readonly string[], surroundings: Surroundings): Command {
  let parsed: Command | undefined;
  let said = '';
  const program = describe(surroundings, (command) => (parsed = command));
  const silent = { writeOut: (text: string) => (said += text), writeErr: (text: string) => (said += text) };
  for (const each of withSubcommands(program)) each.exitOverride().configureOutput(silent);
  try {
    program.parse([...args], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    const asked = ['commander.helpDisplayed', 'commander.version'].includes(thrown.code);
    return {
      kind: 'say',
      text: plainly(said.trimEnd()) || `error: ${thrown.message}`,
      to: asked ? 'stdout' : 'stderr',
      exitCode: asked ? 0 : 2,
    };
  }
  return parsed ?? { kind: 'say', text: program.helpInformation().trimEnd(), to: 'stderr', exitCode: 2 };
}

/** What an argument should have been says enough; the library's words about its name tell nobody anything. */
const plainly = (said: string): string =>
  said.replace(/^error: command-argument value '(.*)' is invalid for argument '.*?'\. /s, "error: '$1': ");

function withSubcommands(program: Program): readonly Program[] {
  return [program, ...program.commands.flatMap((each) => withSubcommands(each))];
}

function describe(surroundings: Surroundings, found: Found): Program {
  const program = new Program('weir')
    .description('SDN controller and network policy engine for Open vSwitch')
    .version(surroundings.version)
    .showHelpAfterError('(see --help)');
  serveCommand(program, surroundings, found);
  documentCommands(program, surroundings.environment, found);
  vmCommands(program, surroundings.environment, found);
  clientCommand(program, 'status', 'members, leader, switches and what they carry out')
    .option('--json', 'print JSON')
    .action((options: ClientOptions & { json?: true }) =>
      found({ kind: 'status', connection: connectionOf(options, surroundings.environment), json: options.json === true }),
    );
  clusterCommands(program, surroundings.environment, found);
  questionCommands(program, surroundings.environment, surroundings.isTerminal === true, found);
  localCommands(program, surroundings.environment, found);
  program
    .command('bench')
    .description('measure: codec, decide, policies, intents, conflicts, explain, plan, store, failover, rules or all')
    .argument('<name>')
    .option('--json', 'print one JSON object a line')
    .option('--kills <n>', 'of failover: how often the leader is killed (50)', positive)
    .action((name: string, { json, kills }: { json?: true; kills?: number }) => found({ kind: 'bench', name, json: json === true, kills }));
  program
    .command('demo')
    .description('the main job on a lab of hypervisors, with real traffic: what was expected beside what was seen')
    .addOption(new Option('--keep', 'leave it running').conflicts('down'))
    .addOption(
      new Option('--cluster <members>', 'instead: what three controllers do, or five, when they die')
        .argParser(membersOf)
        .conflicts('down'),
    )
    .option('--down', 'end what was left running')
    .action(({ keep, down, cluster }: { keep?: true; down?: true; cluster?: 3 | 5 }) =>
      found({ kind: 'demo', keep: keep === true, down: down === true, cluster }),
    );
  return program;
}

function membersOf(text: string): 3 | 5 {
  if (text !== '3' && text !== '5') throw new InvalidArgumentError('A cluster is shown with 3 members or with 5.');
  return text === '3' ? 3 : 5;
}

function serveCommand(program: Program, { environment, workingDirectory }: Surroundings, found: Found): void {
  program
    .command('serve')
    .description('run the controller')
    .option('--config <file>', 'configuration, YAML or JSON (WEIR_CONFIG)')
    .option('--data <dir>', 'directory of the store (WEIR_DATA)')
    .option('--listen <host:port>', 'where the API listens; 127.0.0.1:6680 by default (WEIR_LISTEN)')
    .option('--openflow <host:port>', 'where switches connect by OpenFlow; 0.0.0.0:6653 by default (WEIR_OPENFLOW)')
    .option('--ovsdb <host:port>', 'where switches connect by OVSDB; 0.0.0.0:6640 by default (WEIR_OVSDB)')
    .option('--advertise <host>', 'address that switches are told to connect to (WEIR_ADVERTISE)')
    .option('--insecure-switches', 'accept switches over plain tcp (WEIR_INSECURE_SWITCHES)')
    .option(
      '--store <store>',
      'where documents are kept: "level" in the data directory, or etcd://HOST:PORT[,HOST:PORT…][/PREFIX] (WEIR_STORE)',
    )
    .option('--retention <duration>', 'how long versions are kept; 24h by default (WEIR_RETENTION)')
    .option('--member-id <id>', 'name of this member in the cluster (WEIR_MEMBER_ID)')
    .option('--member-listen <host:port>', 'where the other members connect (WEIR_MEMBER_LISTEN)')
    .option('--member-advertise <host:port>', 'where the other members find this one; --member-listen by default (WEIR_MEMBER_ADVERTISE)')
    .option('--founders <id=host:port,...>', 'of a new cluster: all its members, the same at each (WEIR_FOUNDERS)')
    .option('--join-token <token>', 'of role platform there; WEIR_JOIN_TOKEN keeps it out of the list of processes')
    .option('--join <url>', 'API of a member of the cluster that this one joins (WEIR_JOIN)')
    .addOption(
      new Option('--log-level <level>', 'what is logged; info by default (WEIR_LOG_LEVEL)').choices([
        'debug',
        'info',
        'warn',
        'error',
        'silent',
      ]),
    )
    .action(({ config, ...flags }: Overrides & { config?: string }) => {
      found({ kind: 'serve', sources: { file: config, flags, environment, workingDirectory } });
    });
}
