import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { claim, takeAway } from '../support/claim.ts';
import type { Line } from './main.ts';
import { startInRoom } from './room.ts';
import type { SessionOptions } from './session.ts';

type Judged = Extract<Line, { readonly kind: 'judged' }>;
type Asked = Omit<SessionOptions, 'directory' | 'onTold'>;

/** A session in a room of its own; nothing of it is left when this settles. Rejects when it did not come to its end. */
export async function runOutside(asked: Asked, onTold: (line: string) => void, signal?: AbortSignal): Promise<Judged> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-faults-'));
  await claim(directory);
  try {
    const room = startInRoom(join(import.meta.dirname, 'main.ts'), [JSON.stringify({ ...asked, directory })], {
      ...process.env,
      TMPDIR: directory,
    });
    const end = (): void => void room.kill('SIGKILL');
    signal?.addEventListener('abort', end);
    process.once('exit', end);
    let judged: Judged | undefined;
    let complaint = '';
    room.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    const gone = once(room, 'exit');
    for await (const text of createInterface({ input: room.stdout ?? process.stdin })) {
      const line = JSON.parse(text) as Line;
      if (line.kind === 'told') onTold(line.line);
      else judged = line;
    }
    await gone;
    signal?.removeEventListener('abort', end);
    process.off('exit', end);
    if (judged === undefined) throw new Error(`the session did not come to its end: ${complaint}`);
    return judged;
  } finally {
    await takeAway(directory);
  }
}
