import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { questionsMax } from '../api/schema/questions.ts';
import { reasonOf, WeirError } from '../base/errors.ts';
import { Client } from './client.ts';
import type { DecideCommand, DecideQuestion } from './command.ts';
import { serviceOf } from './explain-question.ts';
import { complain, type ExitCode } from './outcome.ts';
import { tableOf, type Terminal } from './terminal.ts';

interface Side {
  readonly verdict: string;
  readonly tier: string;
  readonly policy?: string;
  readonly rule?: number;
}

type Answer =
  | { readonly verdict: string; readonly egress: Side | null; readonly ingress: Side | null }
  | { readonly error: { readonly code: string; readonly detail: string } };

interface Answers {
  readonly revision: number;
  readonly answers: readonly Answer[];
}

/** `weir decide`: one question, or many from a file; as many requests as they need. */
export async function decide(command: DecideCommand, terminal: Terminal): Promise<ExitCode> {
  try {
    const questions = command.question === undefined ? await readQuestions(command.file ?? '-', terminal) : [command.question];
    const client = new Client(command.connection);
    const path = command.tenant === undefined ? '/v1/decide' : `/v1/tenants/${encodeURIComponent(command.tenant)}/decide`;
    let failed = false;
    for (let first = 0; first < questions.length; first += questionsMax) {
      const asked = questions.slice(first, first + questionsMax);
      const answer = await client.call<Answers>({ method: 'POST', path, body: { questions: asked } });
      failed ||= answer.answers.some(isRefused);
      if (command.json) terminal.print(JSON.stringify(answer));
      else
        terminal.print(
          tableOf(
            ['FROM', 'TO', 'SERVICE', 'VERDICT', 'EGRESS', 'INGRESS', ...(answer.answers.some(isRefused) ? ['ERROR'] : [])],
            rowsOf(asked, answer.answers, terminal),
            terminal.colours,
          ),
        );
    }
    return failed ? 1 : 0;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

const isRefused = (answer: Answer): boolean => 'error' in answer;

function rowsOf(asked: readonly unknown[], answers: readonly Answer[], { colours }: Terminal): readonly (readonly string[])[] {
  return answers.map((answer, index) => {
    const { from, to, ...rest } = (asked[index] ?? {}) as Partial<DecideQuestion>;
    const start = [textOf(from), textOf(to), serviceText(rest)];
    if ('error' in answer) return [...start, colours.yellow('error'), '', '', answer.error.detail];
    const verdict = answer.verdict === 'allow' ? colours.green(answer.verdict) : colours.red(answer.verdict);
    return [...start, verdict, sideText(answer.egress), sideText(answer.ingress), ...(answers.some(isRefused) ? [''] : [])];
  });
}

/** Of a file's question, which may be anything. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? '-'));

function sideText(side: Side | null): string {
  if (side === null) return '-';
  const policy = side.policy === undefined ? '' : ` ${side.policy}[${side.rule}]`;
  return `${side.verdict} by ${side.tier}${policy}`;
}

function serviceText({ protocol, port, type, code }: Partial<DecideQuestion>): string {
  return [protocol, port, type, code].filter((part) => part !== undefined).join('/');
}

/** JSON as the API takes it, or lines of `FROM TO PROTOCOL[/PORT]`; what follows `#` is a comment. */
async function readQuestions(file: string, { stdin }: Terminal): Promise<readonly unknown[]> {
  const content = file === '-' ? await text(stdin) : readFile(file);
  const questions = /^\s*[[{]/.test(content) ? fromJson(content, file) : fromLines(content, file);
  if (questions.length === 0) throw new WeirError('nothing-to-do', `no question in ${file}`);
  return questions;
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new WeirError('unreadable', `${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

function fromJson(content: string, file: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (cause) {
    throw new WeirError('malformed', `${file}: ${reasonOf(cause)}`, { cause });
  }
  const questions = Array.isArray(parsed) ? parsed : (parsed as { readonly questions?: unknown }).questions;
  if (!Array.isArray(questions)) throw new WeirError('malformed', `${file}: must be a list of questions`);
  return questions;
}

function fromLines(content: string, file: string): readonly DecideQuestion[] {
  return content.split('\n').flatMap((line, index) => {
    const words = line.replace(/#.*/, '').trim();
    if (words === '') return [];
    const [from, to, service, ...more] = words.split(/\s+/);
    const place = `${file}, line ${index + 1}`;
    if (from === undefined || to === undefined || service === undefined || more.length > 0)
      throw new WeirError('malformed', `${place}: write FROM TO PROTOCOL[/PORT]`);
    return [{ from, to, ...readService(service, place) }];
  });
}

function readService(service: string, place: string): ReturnType<typeof serviceOf> {
  try {
    return serviceOf(service);
  } catch (cause) {
    throw new WeirError('malformed', `${place}: ${reasonOf(cause)}`, { cause });
  }
}
