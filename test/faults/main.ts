import { runSession, type SessionOptions } from './session.ts';

/** One session, in a room of its own: what happens as lines of JSON. */
export type Line =
  | { readonly kind: 'told'; readonly line: string }
  | ({ readonly kind: 'judged' } & Awaited<ReturnType<typeof runSession>>);

const say = (line: Line): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const options = JSON.parse(process.argv[2] ?? '{}') as Omit<SessionOptions, 'onTold'>;

try {
  const judgement = await runSession({ ...options, onTold: (line) => say({ kind: 'told', line }) });
  say({ kind: 'judged', ...judgement });
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
