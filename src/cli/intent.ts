import { stringify } from 'yaml';
import type { Resource, WriteResult } from '../api/schema/answers.ts';
import { kindPaths } from '../api/schema/kinds.ts';
import { writeQuery } from './apply.ts';
import { Client, RefusedError } from './client.ts';
import type { IntentCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import { itemPath, listPath } from './paths.ts';
import type { Terminal } from './terminal.ts';

type Foreseen = NonNullable<WriteResult['results'][number]['intent']>;

const intents = kindPaths.find(({ kind }) => kind === 'Intent');

/** `weir intent TEXT`: what it means, what it comes to and what contradicts it; stored with `--apply` alone. */
export async function intent(command: IntentCommand, terminal: Terminal): Promise<ExitCode> {
  try {
    const client = new Client(command.connection);
    return command.text === undefined
      ? await showConflicts(client, command, terminal)
      : await tryText(client, command, command.text, terminal);
  } catch (thrown) {
    return complainOf(thrown, command, terminal);
  }
}

async function tryText(client: Client, command: IntentCommand, text: string, terminal: Terminal): Promise<ExitCode> {
  const { tenant, name = nameFor(text), json } = command;
  const path = pathOf(tenant, name);
  const body = { kind: 'Intent', spec: { text, ...(command.order === undefined ? {} : { order: command.order }) } };
  const foreseen = await client.call<WriteResult>({ method: 'PUT', path, query: { dryRun: 'true' }, body });
  const [result] = foreseen.results;
  if (command.apply) await client.call<Resource>({ method: 'PUT', path, query: writeQuery({ ...command, dryRun: false }), body });
  if (json) terminal.print(JSON.stringify({ name, action: result?.action, applied: command.apply, ...result?.intent }));
  else if (result?.intent !== undefined) printForeseen(name, result.action, result.intent, command.apply, terminal);
  return 0;
}

function printForeseen(
  name: string,
  action: string,
  { meaning, documents, conflicts }: Foreseen,
  applied: boolean,
  terminal: Terminal,
): void {
  const { print, colours } = terminal;
  print(`${colours.green('✔')} ${colours.bold(meaning)}`);
  for (const { explanation } of conflicts) print(`${colours.yellow('!')} ${explanation}`);
  for (const { kind, name: owned, spec } of documents) {
    print(`\n${colours.cyan(`${kind} ${owned}`)}`);
    print(stringify(spec).trimEnd().replaceAll(/^/gm, '  '));
  }
  const done = action === 'unchanged' ? 'stands so already' : applied ? action : `would be ${action}; store it with --apply`;
  print(`\n${colours.dim(`intent ${name} ${done}`)}`);
}

async function showConflicts(client: Client, { tenant, json }: IntentCommand, terminal: Terminal): Promise<ExitCode> {
  const found: { readonly intent: string; readonly with: string; readonly winner: string; readonly explanation: string }[] = [];
  for (let token: string | undefined; ;) {
    const page = await client.call<{ readonly items: readonly Resource[]; readonly continue?: string }>({
      method: 'GET',
      path: listPath(kindPath(), tenant),
      query: { limit: '1000', continue: token },
    });
    for (const { metadata, status } of page.items)
      for (const conflict of (status['conflicts'] ?? []) as Foreseen['conflicts']) found.push({ intent: metadata.name, ...conflict });
    token = page.continue;
    if (token === undefined) break;
  }
  // Each is told by both.
  const once = found.filter((conflict) => conflict.intent < conflict.with);
  if (json) terminal.print(JSON.stringify(once));
  else if (once.length === 0) terminal.print(terminal.colours.green('no intents contradict each other'));
  else for (const { explanation } of once) terminal.print(`${terminal.colours.yellow('!')} ${explanation}`);
  return 0;
}

function kindPath(): NonNullable<typeof intents> {
  if (intents === undefined) throw new Error('intents have a path');
  return intents;
}

const pathOf = (tenant: string | undefined, name: string): string => itemPath(kindPath(), tenant, name);

const nameCharactersMax = 40;

/** `allow web to reach db` → `allow-web-to-reach-db` */
function nameFor(text: string): string {
  const slug = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, nameCharactersMax)
    .replace(/-$/, '');
  return slug || 'intent';
}

/** What cannot be read or is not known is shown under the text. */
function complainOf(thrown: unknown, { text }: IntentCommand, terminal: Terminal): ExitCode {
  const places = thrown instanceof RefusedError ? (thrown.problem.errors ?? []).filter(({ place }) => place !== undefined) : [];
  if (text === undefined || places.length === 0) return complain(thrown, terminal);
  const { colours } = terminal;
  const lines = text.split('\n');
  for (const { detail, place } of places) {
    const line = lines[(place?.line ?? 1) - 1] ?? '';
    const column = place?.column ?? 1;
    const length = Math.max(1, Math.min(place?.length ?? 1, line.length - column + 1));
    terminal.complain(`  ${line}`);
    terminal.complain(`  ${' '.repeat(column - 1)}${colours.red('^'.repeat(length))}`);
    terminal.complain(`${colours.red('error')}: ${detail.replace(/^line \d+, column \d+: /, '')}`);
  }
  return 1;
}
