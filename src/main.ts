import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from './base/clock.ts';
import { unreachable } from './base/errors.ts';
import { apply } from './cli/apply.ts';
import { backup, rejoin, restore } from './cli/backup.ts';
import { cluster } from './cli/cluster.ts';
import { parseArguments } from './cli/arguments.ts';
import type { Command } from './cli/command.ts';
import { decide } from './cli/decide.ts';
import { top, unused } from './cli/counted.ts';
import { remove } from './cli/delete.ts';
import { intent } from './cli/intent.ts';
import { get } from './cli/get.ts';
import { lint } from './cli/lint.ts';
import { log } from './cli/log.ts';
import { plan } from './cli/plan.ts';
import { complain, type ExitCode } from './cli/outcome.ts';
import { serve } from './cli/serve.ts';
import { explain, rule } from './cli/explain.ts';
import { status } from './cli/status.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';
import { vm } from './cli/vm.ts';
import type { Config } from './config/index.ts';

/** The entry of the process: arguments → one command → one exit code. What only some commands need is loaded by them. */
const terminal = processTerminal();
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

// A reader that goes away, such as `head`, ends the command.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const command = parseArguments(process.argv.slice(2), {
  environment: process.env,
  workingDirectory: process.cwd(),
  isTerminal: process.stdout.isTTY,
  version,
});
process.exitCode = await run(command).catch((thrown: unknown) => complain(thrown, terminal));
// A start that failed half-way, a port in use say, has parts open that would go on: a member that votes and may lead, and that nobody can ask.
if (command.kind === 'serve' && process.exitCode !== 0) process.exit();

async function run(command: Command): Promise<ExitCode> {
  switch (command.kind) {
    case 'say':
      terminal[command.to === 'stdout' ? 'print' : 'complain'](command.text);
      return command.exitCode;
    case 'serve':
      return serve(command.sources, startController, terminal);
    case 'apply':
      return apply(command, terminal);
    case 'plan':
      return plan(command, terminal);
    case 'lint':
      return lint(command, terminal);
    case 'get':
      return get(command, terminal);
    case 'delete':
      return remove(command, terminal);
    case 'vm':
      return vm(command, terminal);
    case 'top':
      return top(command, terminal);
    case 'unused':
      return unused(command, terminal);
    case 'intent':
      return intent(command, terminal);
    case 'explain':
      return explain(command, terminal);
    case 'rule':
      return rule(command, terminal);
    case 'status':
      return status(command, terminal);
    case 'cluster':
      return cluster(command, terminal);
    case 'backup':
    case 'restore':
    case 'rejoin':
      return wholeData(command);
    case 'log':
      return log(command, terminal);
    case 'decide':
      return decide(command, terminal);
    case 'pki-init':
    case 'pki-issue':
      return pki(command, terminal);
    case 'bench':
      return bench(command.name, command.json, command.kills);
    case 'openflow-decode':
    case 'openflow-encode':
      return openflow(command.kind);
    case 'lab-up':
    case 'lab-show':
    case 'lab-plug':
    case 'lab-unplug':
    case 'lab-down':
      return lab(command);
    case 'demo':
      return demo(command);
    default:
      return unreachable(command);
  }
}

async function startController(config: Config) {
  const { startWeir } = await import('./weir.ts');
  const { openTelemetry } = await import('./telemetry/index.ts');
  // A controller without one of its parts is none: who started it starts it again, and switches go on meanwhile.
  const onLost = (): never => process.exit(1);
  return startWeir(config, openTelemetry({ logLevel: config.logLevel, processMetrics: true }), version, { onLost });
}

async function wholeData(command: Extract<Command, { kind: 'backup' | 'restore' | 'rejoin' }>): Promise<ExitCode> {
  const { assertStopped, checkBackup, readIdentity, restoreBackup, setAside } = await import('../cluster/index.ts');
  const storeOf = (data: string): string => join(data, 'store');
  switch (command.kind) {
    case 'backup':
      return backup(command, checkBackup, terminal);
    case 'restore':
      return restore(command, (file, data, member) => restoreBackup(file, storeOf(data), member, systemClock), terminal);
    case 'rejoin': {
      const local = {
        owner: (data: string) => readIdentity(storeOf(data)),
        assertStopped: (data: string) => assertStopped(storeOf(data)),
        setAside: (data: string) => setAside(storeOf(data)),
      };
      return rejoin(command, local, terminal);
    }
    default:
      return unreachable(command);
  }
}

async function pki(command: Extract<Command, { kind: 'pki-init' | 'pki-issue' }>, { print }: Terminal): Promise<ExitCode> {
  const { pkiInit, pkiIssue } = await import('./cli/pki.ts');
  const files = await (command.kind === 'pki-init' ? pkiInit(command.options, Date.now()) : pkiIssue(command.options, Date.now()));
  print(command.json ? JSON.stringify(files) : `certificate ${files.certificate}\nkey         ${files.key}`);
  return 0;
}

async function bench(name: string, json: boolean, kills: number | undefined): Promise<ExitCode> {
  const { benchNames, runBenches } = await import('../bench/index.ts');
  const names = name === 'all' ? benchNames : benchNames.filter((each) => each === name);
  if (names.length === 0) {
    terminal.complain(`error: there is no benchmark "${name}": choose ${benchNames.join(', ')} or all`);
    return 2;
  }
  return (await runBenches(names, { json, kills }, terminal.print)) ? 0 : 1;
}

async function openflow(kind: 'openflow-decode' | 'openflow-encode'): Promise<ExitCode> {
  const { runOpenFlowDecode, runOpenFlowEncode } = await import('./cli/openflow.ts');
  const { failed } = await (kind === 'openflow-decode' ? runOpenFlowDecode : runOpenFlowEncode)(process.stdin, process.stdout);
  return failed > 0 ? 1 : 0;
}

async function lab(command: Extract<Command, { kind: `lab-${string}` }>): Promise<ExitCode> {
  const { labDown, labPlug, labShow, labUnplug, labUp } = await import('./cli/lab.ts');
  const { print } = terminal;
  switch (command.kind) {
    case 'lab-up':
      await labUp(command.options, print);
      return 0;
    case 'lab-show':
      await labShow(command.options, print);
      return 0;
    case 'lab-plug':
      await labPlug(command.options, print);
      return 0;
    case 'lab-unplug':
      await labUnplug(command.options, print);
      return 0;
    case 'lab-down':
      await labDown(command.options, print);
      return 0;
    default:
      return unreachable(command);
  }
}

async function demo(options: Extract<Command, { kind: 'demo' }>): Promise<ExitCode> {
  const { runDemo } = await import('./demo/index.ts');
  const live = process.stdout.isTTY;
  const colours = live && process.env['NO_COLOR'] === undefined;
  return runDemo(options, { write: (text) => void process.stdout.write(text), live, colours });
}
