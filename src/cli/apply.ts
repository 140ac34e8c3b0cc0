import type { WriteResult } from '../api/schema/answers.ts';
import { Client } from './client.ts';
import type { ApplyCommand, WriteOptions } from './command.ts';
import { readDocuments, withTenant, type FoundDocument } from './documents.ts';
import { complain, type ExitCode } from './outcome.ts';
import type { Terminal } from './terminal.ts';

/** `weir apply -f`: all documents of all files in one transaction. */
export async function apply(command: ApplyCommand, terminal: Terminal): Promise<ExitCode> {
  let documents: readonly FoundDocument[] = [];
  try {
    documents = await readDocuments(command.files, terminal.stdin);
    const { tenant } = command;
    const body = documents.map(({ value }) => (tenant === undefined ? value : withTenant(value, tenant)));
    const result = await new Client(command.connection).call<WriteResult>({
      method: 'POST',
      path: '/v1/apply',
      query: writeQuery(command),
      body,
    });
    if (command.json) terminal.print(JSON.stringify(result));
    else printResults(result, terminal);
    const changes = result.results.some(({ action }) => action !== 'unchanged');
    return command.detailedExitCode && changes ? 3 : 0;
  } catch (thrown) {
    return complain(thrown, terminal, documents);
  }
}

export function writeQuery({ dryRun, wait, timeoutMs }: WriteOptions): Readonly<Record<string, string | undefined>> {
  return {
    dryRun: dryRun ? 'true' : undefined,
    wait: wait ? 'realized' : undefined,
    timeoutMs: timeoutMs === undefined ? undefined : String(timeoutMs),
  };
}

export function printResults(result: WriteResult, { print, colours }: Terminal): void {
  const would = result.dryRun === true ? 'would be ' : '';
  for (const { kind, tenant, name, action, flows, warning } of result.results) {
    const cost = flows === undefined || action === 'unchanged' ? '' : `, ${flows.perHost} flows a host at most (before: ${flows.before})`;
    const said = `${kind} ${tenant === undefined ? name : `${tenant}/${name}`} ${action === 'unchanged' ? 'unchanged' : would + action}${cost}`;
    print(action === 'unchanged' ? colours.dim(said) : said);
    if (warning !== undefined) print(colours.yellow(warning));
  }
  print(colours.dim(result.dryRun === true ? `nothing was stored; revision ${result.revision}` : `revision ${result.revision}`));
}
