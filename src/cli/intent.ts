import { stringify } from 'yaml';
import type { PlanAnswer } from '../api/schema/plan.ts';
import type { Resource, WriteResult } from '../api/schema/answers.ts';
import { kindPaths } from '../api/schema/kinds.ts';
import { writeQuery } from './apply.ts';
import { Client, RefusedError } from './client.ts';
import type { IntentCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import { listPath } from './paths.ts';
import { planText } from './plan-text.ts';
import type { Terminal } from './terminal.ts';

type Foreseen = NonNullable<WriteResult['results'][number]['intent']>;

const intents = kindPaths.find(({ kind }) => kind === 'Intent');

/** `weir intent TEXT`: what it means, what it comes to, what contradicts it and what it would change; stored with `--apply` alone. */
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
  const metadata = { name, ...(tenant !== undefined && { tenant }) };
  const body = [{ kind: 'Intent', metadata, spec: { text, ...(command.order === undefined ? {} : { order: command.order }) } }];
  const { results, ...planned } = await client.call<PlanAnswer>({ method: 'POST', path: '/v1/plan', body });
  const [result] = results;
  if (command.apply) {
    const query = writeQuery({ ...command, dryRun: false });
    await client.call<WriteResult>({ method: 'POST', path: '/v1/apply', query, body });
  }
  if (json) terminal.print(JSON.stringify({ name, action: result?.action, applied: command.apply, ...result?.intent, plan: planned }));
  else if (result?.intent !== undefined) {
    printForeseen(result.intent, terminal);
    for (const part of planText({ results, ...planned }, terminal.colours, Date.now())) terminal.print(part);
    const done =
      result.action === 'unchanged'
        ? 'stands so already'
        : command.apply
          ? result.action
          : `would be ${result.action}; store it with --apply`;
    terminal.print(`\n${terminal.colours.dim(`intent ${name} ${done}`)}`);
  }
  return 0;
}

function printForeseen({ meaning, documents, conflicts }: Foreseen, { print, colours }: Terminal): void {
  print(`${colours.green('✔')} ${colours.bold(meaning)}`);
  for (const { explanation } of conflicts) print(`${colours.yellow('!')} ${explanation}`);
  for (const { kind, name: owned, spec } of documents) {
    print(`\n${colours.cyan(`${kind} ${owned}`)}`);
    print(stringify(spec).trimEnd().replaceAll(/^/gm, '  '));
  }
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
