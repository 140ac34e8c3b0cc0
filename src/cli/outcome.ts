import { reasonOf, WeirError } from '../base/errors.ts';
import { RefusedError } from './client.ts';
import type { FoundDocument } from './documents.ts';
import type { Terminal } from './terminal.ts';

/** 0 done, 1 refused or failed, 2 wrong usage, 3 something would change and `--detailed-exitcode` was given. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Says what went wrong, where, and what can be done about it. */
export function complain(thrown: unknown, terminal: Terminal, documents: readonly FoundDocument[] = []): ExitCode {
  const { colours } = terminal;
  if (!(thrown instanceof RefusedError)) {
    terminal.complain(`${colours.red('error')}: ${reasonOf(thrown)}`);
    if (!(thrown instanceof WeirError) && thrown instanceof Error && thrown.stack !== undefined) terminal.complain(thrown.stack);
    return 1;
  }
  const { problem } = thrown;
  // Where every place is told of by itself, the detail says the same once more.
  const places = problem.errors ?? [];
  terminal.complain(`${colours.red('error')}: ${problem.title} (${problem.code})${places.length > 0 ? '' : `: ${problem.detail}`}`);
  for (const { pointer, detail } of places) terminal.complain(`  ${placeOf(pointer, documents)} ${detail}`);
  for (const { kind, tenant, name } of problem.users ?? [])
    terminal.complain(`  used by ${kind} ${tenant === undefined ? name : `${tenant}/${name}`}`);
  for (const { host, reason } of problem.waiting ?? []) terminal.complain(`  waiting for ${host}: ${reason}`);
  const advice = adviceFor[problem.code];
  if (advice !== undefined) terminal.complain(`  ${advice}`);
  return 1;
}

const adviceFor: Readonly<Record<string, string>> = {
  unauthorized: 'Pass --token, or set WEIR_TOKEN.',
  stale: 'Somebody else wrote it meanwhile: read it again.',
  owned: 'Change or delete the intent.',
  'in-use': 'Delete or change the users first.',
  'not-realized': 'The write stands; "weir status" shows what the switches carry out.',
  'no-leader': 'Try again in a moment; "weir cluster status" says who is missing, "weir get … --local" what this member has.',
};

/** `/3/spec/vni` or `/documents/3/spec/vni` of a request of many documents → its file and the place inside. */
function placeOf(pointer: string, documents: readonly FoundDocument[]): string {
  const parts = /^(?:\/documents)?\/(\d+)(\/.*)?$/.exec(pointer);
  const document = documents[Number(parts?.[1])];
  if (!parts || !document) return pointer === '' ? 'the document' : pointer;
  return `${document.file}, document ${document.number}: ${parts[2] ?? 'it'}`;
}
