import type { PlanAnswer } from '../api/schema/plan.ts';
import { Client } from './client.ts';
import type { PlanCommand } from './command.ts';
import { readDocuments, withTenant, type FoundDocument } from './documents.ts';
import { complain, type ExitCode } from './outcome.ts';
import { planSummary, planText } from './plan-text.ts';
import type { Terminal } from './terminal.ts';

/** `weir plan`: what documents and deletions would change. Exits with 3 when something would and that was asked for. */
export async function plan(command: PlanCommand, terminal: Terminal): Promise<ExitCode> {
  const { files, tenant, deletions } = command;
  let documents: readonly FoundDocument[] = [];
  try {
    if (files.length > 0) documents = await readDocuments(files, terminal.stdin);
    const written = documents.map(({ value }) => (tenant === undefined ? value : withTenant(value, tenant)));
    const deleted = deletions.map(({ kindPath: { kind, scope }, name }) => ({
      kind,
      name,
      ...(tenant !== undefined && scope !== 'platform' && { tenant }),
    }));
    const body = deleted.length === 0 ? written : { documents: written, delete: deleted };
    const answer = await new Client(command.connection).call<PlanAnswer>({ method: 'POST', path: '/v1/plan', body });
    if (command.json) terminal.print(JSON.stringify(answer));
    else printPlan(answer, terminal);
    return command.detailedExitCode && answer.changes > 0 ? 3 : 0;
  } catch (thrown) {
    return complain(thrown, terminal, documents);
  }
}

function printPlan(answer: PlanAnswer, { print, colours }: Terminal): void {
  for (const { kind, tenant, name, action, intent } of answer.results) {
    const what = `${kind} ${tenant === undefined ? name : `${tenant}/${name}`}`;
    if (action === 'unchanged') print(colours.dim(`  ${what} stays as it is`));
    else print(`${marks(colours)[action]} ${what} would be ${action}`);
    if (intent !== undefined) print(colours.dim(`    ${intent.meaning}`));
  }
  for (const part of planText(answer, colours, Date.now())) print(part);
  print(`\n${planSummary(answer, colours)}`);
}

const marks = ({ green, yellow, red }: Terminal['colours']) => ({ created: green('+'), updated: yellow('~'), deleted: red('-') });
