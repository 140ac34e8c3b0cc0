import { Argument, InvalidArgumentError, Option } from 'commander';
import type { Command as Program } from 'commander';
import type { TopCommand } from '../command.ts';
import { serviceOf } from '../explain-question.ts';
import { clientCommand, connectionOf, positive, readOptions, writeFlagsOf } from './client.ts';
import type { ClientOptions, Environment, Found, WriteFlags } from './client.ts';

/** What sentences mean, why packets pass, what rules decided and counted. */
export function questionCommands(program: Program, environment: Environment, isTerminal: boolean, found: Found): void {
  intentCommand(program, environment, found);
  explainCommand(program, environment, found);
  logCommand(program, environment, found);
  decideCommand(program, environment, found);
  countedCommands(program, environment, isTerminal, found);
}

interface ExplainFlags extends ClientOptions {
  readonly tenant?: string;
  readonly family?: 4 | 6;
  readonly at?: string;
  readonly fromAddress?: string;
  readonly fromMac?: string;
  readonly rule?: number;
  readonly json?: true;
}

interface IntentFlags extends WriteFlags {
  readonly name?: string;
  readonly order?: number;
  readonly apply?: true;
  readonly conflicts?: true;
}

function intentCommand(program: Program, environment: Environment, found: Found): void {
  clientCommand(program, 'intent', 'try a sentence: what it means, what it comes to and what contradicts it')
    .argument('[text]', '"allow web servers to reach databases on postgresql"')
    .option('-t, --tenant <name>', "whose (WEIR_TENANT); the platform's without it")
    .option('--name <name>', 'what it is called; after its words by default')
    .option('--order <n>', 'a multiple of 10; 500 by default', positive)
    .option('--apply', 'store it')
    .option('--wait', 'with --apply: until every switch concerned has committed it')
    .option('--timeout-ms <ms>', 'how long to wait; 5000 by default', positive)
    .option('--conflicts', 'instead of a text: which of those that are stored contradict each other')
    .option('--json', 'print JSON')
    .action((text: string | undefined, options: IntentFlags, command: Program) => {
      if ((text === undefined) !== (options.conflicts === true)) return command.error('error: write a text, or --conflicts');
      return found({
        kind: 'intent',
        connection: connectionOf(options, environment),
        text,
        name: options.name,
        order: options.order,
        tenant: options.tenant ?? environment['WEIR_TENANT'],
        apply: options.apply === true,
        ...writeFlagsOf(options),
      });
    });
}

type ExplainArguments = readonly [string | undefined, string | undefined, ReturnType<typeof serviceOf> | undefined];

function explainCommand(program: Program, environment: Environment, found: Found): void {
  readOptions(clientCommand(program, 'explain', 'why a connection passes or not: verdict, rules, way, flows and counters'))
    .argument('[from]', 'vm, vm/interface or an address; without a tenant tenant/vm or tenant/vm/interface')
    .argument('[to]', 'the same')
    .argument('[service]', 'tcp/5432, udp/53, sctp/7, icmp, icmp/8/0, icmpv6', serviceOf)
    .option('-t, --tenant <name>', 'whose names (WEIR_TENANT)')
    .option('--family <4|6>', 'IP version', familyOf)
    .option('--at <moment>', 'a revision or a time (RFC 3339): as it was then')
    .option('--from-address <address>', "as if it were sent from another address than the interface's own")
    .option('--from-mac <mac>', 'as if it were sent from another MAC')
    .option('--rule <id>', 'instead: the rule with this number, as the ct_label of a connection records it', positive)
    .option('--json', 'print JSON')
    .action((...[from, to, service, options, command]: [...ExplainArguments, ExplainFlags, Program]) => {
      const { family, at, fromAddress, fromMac, rule } = options;
      const common = {
        connection: connectionOf(options, environment),
        tenant: options.tenant ?? environment['WEIR_TENANT'],
        json: options.json === true,
      };
      if (rule !== undefined) return found({ kind: 'rule', ...common, id: rule });
      if (from === undefined || to === undefined || service === undefined)
        return command.error('error: write FROM TO PROTOCOL[/PORT], or --rule ID');
      const rest = {
        ...(family !== undefined && { family }),
        ...(at !== undefined && { at }),
        ...(fromAddress !== undefined && { fromAddress }),
        ...(fromMac !== undefined && { fromMac }),
      };
      return found({ kind: 'explain', ...common, question: { from, to, ...service, ...rest } });
    });
}

interface LogFlags extends ClientOptions {
  readonly tenant?: string;
  readonly limit: number;
  readonly follow?: true;
  readonly json?: true;
}

function logCommand(program: Program, environment: Environment, found: Found): void {
  readOptions(clientCommand(program, 'log', 'what rules with "log: true" decided, the newest last'))
    .option('-t, --tenant <name>', 'whose (WEIR_TENANT); of all without it')
    .option('--limit <n>', 'how many of the last, 1000 at most', positive, 100)
    .option('-f, --follow', 'then print each as it comes')
    .option('--json', 'print one JSON object a line')
    .action(({ tenant, limit, follow, json, ...options }: LogFlags) =>
      found({
        kind: 'log',
        connection: connectionOf(options, environment),
        tenant: tenant ?? environment['WEIR_TENANT'],
        limit: Math.min(limit, 1000),
        follow: follow === true,
        json: json === true,
      }),
    );
}

interface DecideFlags extends ClientOptions {
  readonly tenant?: string;
  readonly file?: string;
  readonly json?: true;
}

function decideCommand(program: Program, environment: Environment, found: Found): void {
  readOptions(clientCommand(program, 'decide', 'whether policy allows a connection, and which rule decides on each side'))
    .argument('[from]', 'VM, VM/INTERFACE or an address; without -t TENANT/VM or TENANT/VM/INTERFACE')
    .argument('[to]', 'the same')
    .argument('[service]', 'tcp/5432, udp/53, sctp/7, icmp, icmp/8/0, icmpv6', serviceOf)
    .option('-f, --file <path>', 'many questions: JSON as the API takes it or lines of FROM TO SERVICE; - for standard input')
    .option('-t, --tenant <name>', 'whose (WEIR_TENANT)')
    .option('--json', 'print JSON')
    .action((...[from, to, service, options, command]: [...ExplainArguments, DecideFlags, Program]) => {
      const { file } = options;
      const question = from !== undefined && to !== undefined && service !== undefined ? { from, to, ...service } : undefined;
      if ((file === undefined) === (question === undefined) || (file !== undefined && from !== undefined))
        command.error('error: write FROM TO PROTOCOL[/PORT], or -f FILE');
      const connection = connectionOf(options, environment);
      const tenant = options.tenant ?? environment['WEIR_TENANT'];
      found({ kind: 'decide', connection, tenant, question, file, json: options.json === true });
    });
}

interface CountedFlags extends ClientOptions {
  readonly tenant?: string;
  readonly json?: true;
}

function countedCommands(program: Program, environment: Environment, isTerminal: boolean, found: Found): void {
  const common = (options: CountedFlags) => ({
    connection: connectionOf(options, environment),
    tenant: options.tenant ?? environment['WEIR_TENANT'],
    json: options.json === true,
  });
  readOptions(clientCommand(program, 'top', 'the policies that decide most, with rates between two readings'))
    .addArgument(new Argument('<what>').choices(['policies']))
    .option('-t, --tenant <name>', 'whose; of everybody without it (WEIR_TENANT)')
    .addOption(new Option('--sort <by>', 'the most first').choices(['packets', 'bytes', 'connections', 'rate']).default('rate'))
    .option('-n, --limit <n>', 'how many', positive, 20)
    .option('-w, --watch', 'again and again')
    .option('--json', 'print JSON, a line for each reading')
    .action((_what: string, options: CountedFlags & { sort: TopCommand['sort']; limit: number; watch?: true }) => {
      const { sort, limit, watch } = options;
      found({ kind: 'top', ...common(options), sort, limit, watch: watch === true, inPlace: isTerminal });
    });
  readOptions(clientCommand(program, 'unused', 'rules that nothing has hit for a while'))
    .option('-t, --tenant <name>', 'whose; of everybody without it (WEIR_TENANT)')
    .option('--days <n>', 'for how long', positive, 30)
    .option('--json', 'print JSON')
    .action((options: CountedFlags & { days: number }) => found({ kind: 'unused', ...common(options), days: options.days }));
}

function familyOf(text: string): 4 | 6 {
  if (text !== '4' && text !== '6') throw new InvalidArgumentError('It is 4 or 6.');
  return text === '4' ? 4 : 6;
}
