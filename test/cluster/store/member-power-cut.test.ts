import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EntryLog } from '../../../cluster/storage/log.ts';
import { HardStateFile } from '../../../cluster/storage/hard-state.ts';
import type { StoreOptions } from '../../../cluster/index.ts';
import { Random } from '../../conformance/random.ts';
import { openSmall, withDirectory } from './directory.ts';
import { Recording, tracedCalls } from './recording.ts';

const hasStrace = spawnSync('strace', ['-V']).status === 0;
/** More of them for a night. */
const cuts = Number(process.env['WEIR_POWER_CUTS'] ?? 100);
/** The moves that put a snapshot in its place end about 25 events behind the last file received. */
const eventsBehind = 60;
const ids = ['a', 'b', 'c'];
const member: StoreOptions['member'] = { id: 'c', founders: ids, transport: undefined };

async function record(directory: string): Promise<Recording> {
  const trace = join(directory, 'trace');
  const strace = ['-f', '-y', '-xx', '-qq', '-s', '2000000', '-e', `trace=${tracedCalls}`, '-o', trace];
  const script = join(import.meta.dirname, 'member-writer.ts');
  const child = spawn('strace', [...strace, process.execPath, script, join(directory, 'members')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  expect(await once(child, 'close')).toEqual([0, null]);
  return new Recording(trace, join(directory, 'members', 'c'));
}

interface Promised {
  readonly term: number;
  readonly match: number;
  readonly votes: ReadonlyMap<number, string>;
}

/** What the member had told the others. A last line that is cut short was not said. */
function promisedIn(output: string): Promised {
  let term = 0;
  let match = 0;
  const votes = new Map<number, string>();
  for (const line of output.slice(0, output.lastIndexOf('\n') + 1).split('\n')) {
    const [kind, first = '', second = ''] = line.split(' ');
    if (kind === 'term') term = Math.max(term, Number(first));
    if (kind === 'match') match = Math.max(match, Number(first));
    if (kind === 'vote') votes.set(Number(first), second);
  }
  return { term, match, votes };
}

type History = ReadonlyMap<number, readonly [key: string, value: string]>;

function historyIn(output: string): History {
  return new Map(
    [...output.matchAll(/^commit (\d+) (\S+) (\S+)$/gm)].map(([, revision, key = '', value = '']) => [Number(revision), [key, value]]),
  );
}

function stateAt(history: History, revision: number): Record<string, string> {
  const state: Record<string, string> = {};
  for (let at = 1; at <= revision; at++) {
    const [key = '', value = ''] = history.get(at) ?? [];
    state[key] = value;
  }
  return state;
}

async function expectKept(directory: string, promised: Promised, history: History): Promise<number> {
  const store = await openSmall(directory, { member });
  const { revision } = store;
  expect(store.cluster.matchOf('c')).toBeGreaterThanOrEqual(promised.match);
  // One state of the history, and nothing between two.
  const { entries } = await store.range({ start: '', end: '~', at: revision });
  expect(Object.fromEntries(entries.map(({ key, value }) => [key, value]))).toEqual(stateAt(history, revision));
  await store.close();

  const vote = await HardStateFile.open(join(directory, 'vote'));
  expect(vote.hardState.term).toBeGreaterThanOrEqual(promised.term);
  expect(vote.hardState.votedFor).toBe(promised.votes.get(vote.hardState.term) ?? vote.hardState.votedFor);
  await vote.close();

  const start = { index: 0, term: 0, revision: 0, wallMs: 0, membership: { voters: ids, learners: [] } };
  const log = await EntryLog.open({ directory: join(directory, 'log'), segmentBytes: 32 * 1024, verifyBytesMax: 1e9, start });
  const isEmpty = log.lastRevision < log.firstRevision;
  const logged = isEmpty ? [] : await log.read(log.firstRevision, log.lastRevision, 1e9);
  expect(logged.map(({ changes }) => changes.map(({ key, value }) => [key, value]))).toEqual(
    logged.map(({ revision: at }) => [history.get(at)]),
  );
  await log.close();
  return revision;
}

describe.skipIf(!hasStrace)('power cuts on the recorded writes of a member of three', () => {
  it('keeps its vote, its term and every entry that it acknowledged, and has the old state or the new one of a snapshot', async () => {
    const random = Random.fresh();
    console.log(`seed ${random.seed}`);
    await withDirectory(async (directory) => {
      const recording = await record(directory);
      const history = historyIn(recording.outputBefore(recording.events.length));
      const installing = recording.span('/index-incoming');
      expect(installing.from).toBeGreaterThan(0);
      const found = new Set<number>();
      for (let round = 0; round < cuts; round++) {
        const image = join(directory, `image-${round}`);
        const isInstalling = round % 2 === 0;
        const within = installing.upTo + eventsBehind - installing.from;
        // The first two have the two outcomes for certain.
        const certain = [installing.from, recording.events.length][round / 2];
        const cut = isInstalling ? (certain ?? installing.from + random.below(within)) : random.below(recording.events.length + 1);
        await mkdir(image);
        await recording.image(cut, random, 'with-file', image);
        const revision = await expectKept(image, promisedIn(recording.outputBefore(cut)), history).catch((error: unknown) => {
          throw new Error(`the disk after event ${cut} of seed ${random.seed}`, { cause: error });
        });
        if (isInstalling) found.add(revision);
        await rm(image, { recursive: true });
      }
      // Both the state before the snapshot and the one that it brought were met.
      expect(Math.min(...found)).toBeLessThanOrEqual(100);
      expect(Math.max(...found)).toBeGreaterThan(300);
    });
  }, 180_000);
});
