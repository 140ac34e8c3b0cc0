import type { LintAnswer } from '../api/schema/findings.ts';
import { Client } from './client.ts';
import type { LintCommand } from './command.ts';
import { readDocuments, withTenant, type FoundDocument } from './documents.ts';
import { conflictText, section, shadowText } from './findings-text.ts';
import { complain, type ExitCode } from './outcome.ts';
import type { Terminal } from './terminal.ts';

/**
 * `weir lint`: rules that never decide and rules that contradict each other. Where that was asked for it exits with 3 when there are any,
 * and with 1 when none are known but not all has been looked at.
 */
export async function lint(command: LintCommand, terminal: Terminal): Promise<ExitCode> {
  const { tenant, files, limit } = command;
  let documents: readonly FoundDocument[] = [];
  try {
    const client = new Client(command.connection);
    const query = { limit: String(limit) };
    let answer: LintAnswer;
    if (files.length === 0) answer = await client.call({ method: 'GET', path: pathOf(tenant), query });
    else {
      documents = await readDocuments(files, terminal.stdin);
      const body = documents.map(({ value }) => (tenant === undefined ? value : withTenant(value, tenant)));
      answer = await client.call({ method: 'POST', path: pathOf(undefined), query, body });
    }
    if (command.json) terminal.print(JSON.stringify(answer));
    else printFindings(answer, files.length > 0, terminal);
    if (!command.detailedExitCode) return 0;
    return answer.shadowed.count + answer.conflicts.count > 0 ? 3 : answer.verified ? 0 : 1;
  } catch (thrown) {
    return complain(thrown, terminal, documents);
  }
}

const pathOf = (tenant: string | undefined): string =>
  tenant === undefined ? '/v1/lint' : `/v1/tenants/${encodeURIComponent(tenant)}/lint`;

function printFindings({ revision, verified, shadowed, conflicts }: LintAnswer, isForeseen: boolean, { print, colours }: Terminal): void {
  const lines = <T>({ items, count }: { readonly items: readonly T[]; readonly count: number }, text: (item: T) => string) => [
    ...items.map((item) => `${colours.yellow('!')} ${text(item)}`),
    ...(count > items.length ? [colours.dim(`… and ${count - items.length} more: --limit lists more`)] : []),
  ];
  const sections = [
    ...section('conflicts', lines(conflicts, conflictText), colours),
    ...section('rules that never decide', lines(shadowed, shadowText), colours),
  ];
  if (sections.length > 0) print(sections.join('\n').trimStart());
  if (!verified)
    print(colours.yellow(`${sections.length > 0 ? '\n' : ''}this is not all: some of what was written last is still looked at`));
  const parts = [
    ...(conflicts.count === 0 ? [] : [counted(conflicts.count, 'conflict', 'conflicts')]),
    ...(shadowed.count === 0 ? [] : [counted(shadowed.count, 'rule that never decides', 'rules that never decide')]),
  ];
  const summary = parts.length > 0 ? `\n${parts.join(', ')}` : colours.green('no conflicts, and no rules that never decide');
  print(`${summary}${colours.dim(isForeseen ? `; nothing was stored, revision ${revision}` : `; revision ${revision}`)}`);
}

const counted = (count: number, one: string, many: string): string => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
