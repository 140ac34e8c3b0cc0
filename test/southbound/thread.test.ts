import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { RunningWeir } from '../support/running-weir.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { releaseNamed, StoredOwnership } from '../../cluster/index.ts';
import type { Commit, Exchange, Presence, Revision, Watch } from '../../cluster/index.ts';
import { WeirError } from '../../src/base/errors.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Channel } from '../../src/southbound/channel.ts';
import type { CommitsTold, MainAnswers, SouthboundAnswers } from '../../src/southbound/contract.ts';
import { CommitFeed } from '../../src/southbound/feed.ts';
import { openSouthbound } from '../../src/southbound/index.ts';
import { runSouthbound } from '../../src/southbound/run.ts';
import { document, openHarness } from '../admission/harness.ts';

const directory = (): string => mkdtempSync(join(tmpdir(), 'weir-southbound-'));

test('what is asked after a write is answered by a state that has it, however late the commit is told', async () => {
  const files = directory();
  const harness = await openHarness();
  const { port1, port2 } = new MessageChannel();
  const held: CommitsTold[] = [];
  let isHolding = false;
  const feed = new CommitFeed({
    store: harness.store,
    underwayBytesMax: 1024 * 1024,
    commits: (told) => (isHolding ? void held.push(told) : thread.tell('commits', told)),
    ended: (told) => thread.tell('watchEnded', told),
  });
  const unused = (): never => {
    throw new Error('nobody asks this');
  };
  const answers: MainAnswers = {
    range: (request) => harness.store.range(request),
    revisionAt: unused,
    register: unused,
    ask: unused,
    watch: ({ since }) => feed.start(since),
    unwatch: () => feed.stop(),
    taken: ({ bytes }) => feed.taken(bytes),
    announce: unused,
    event: unused,
    counted: unused,
    recorded: unused,
    recordsDropped: unused,
  };
  const thread = new Channel<SouthboundAnswers, MainAnswers>(port1, answers);
  runSouthbound(
    port2,
    {
      switches: { kind: 'off' },
      counters: { intervalMs: 10_000, file: join(files, 'counters') },
      id: 'weir-0',
      ownership: { epoch: 1, members: ['weir-0'], isCounted: true, endpoints: [] },
      others: [],
    },
    systemClock,
  );
  await thread.ask('open', null, Infinity);
  await harness.apply(document('Tenant', undefined, 'acme'), document('Network', 'acme', 'net', { subnets: [{ cidr: '10.0.0.0/24' }] }));
  isHolding = true;
  await harness.apply(
    document('Vm', 'acme', 'a', { interfaces: [{ name: 'eth0', network: 'net' }] }),
    document('Host', undefined, 'h1', { encapIp: '192.0.2.1' }),
  );
  const { revision } = await harness.start('acme', 'a', 'h1');
  const answered: string[] = [];
  const asked = thread.ask('effects', { since: revision, asked: [{ kind: 'Vm', tenant: 'acme', name: 'a' }] }).then(([effect]) => {
    answered.push('effects');
    return effect?.interfaces;
  });
  // Asked later, of what was known before: it waits for nobody.
  await thread.ask('hosts', { since: revision - 2, asked: null });
  const change = { tenant: 'acme', vm: 'a', revision, awaited: revision, until: 'compiled', timeoutMs: 60_000 } as const;
  const following = thread.ask('follow', change);
  await thread.ask('hosts', { since: 0, asked: null });
  expect(answered).toEqual([]);
  isHolding = false;
  for (const told of held) thread.tell('commits', told);
  expect(await asked).toMatchObject([{ name: 'eth0', phase: 'pending', host: 'h1' }]);
  const { spent, effect } = await following;
  expect(spent.overlayMs).toBeGreaterThan(0);
  expect(effect.interfaces).toMatchObject([{ name: 'eth0', phase: 'pending', host: 'h1' }]);
  expect(await thread.ask('waitRealized', { revision, timeoutMs: 1 })).toMatchObject({ realized: false, waiting: [{ host: 'h1' }] });
  await thread.ask('close', null);
  feed.stop();
  port1.close();
  rmSync(files, { recursive: true });
});

/** Loaded into every thread of the process: those that are not the first end when the file is there. */
const dying = (file: string): string =>
  `data:text/javascript,${encodeURIComponent(`
    import { existsSync } from 'node:fs';
    import { isMainThread } from 'node:worker_threads';
    if (!isMainThread) setInterval(() => { if (existsSync(${JSON.stringify(file)})) throw new Error('it broke'); }, 20).unref();
  `)}`;

test('a controller whose southbound thread ends is no controller: it says so and exits', async () => {
  const files = directory();
  const sign = join(files, 'sign');
  const main = join(import.meta.dirname, '../../src/main.ts');
  const options = ['--data', join(files, 'data'), '--listen', '127.0.0.1:0', '--openflow', '127.0.0.1:0', '--ovsdb', '127.0.0.1:0'];
  const child = spawn(process.execPath, ['--import', dying(sign), main, 'serve', '--insecure-switches', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString()).toContain('listening');
    writeFileSync(sign, '');
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    const told = complaints.split('\n').find((each) => each.includes('southbound-lost'));
    expect(JSON.parse(told ?? '{}')).toMatchObject({ level: 'error', code: 'southbound-lost', msg: expect.stringContaining('it broke') });
  } finally {
    child.kill('SIGKILL');
    rmSync(files, { recursive: true, force: true });
  }
});

/** The last watch can be ended. */
class EndingStore extends MemoryStore {
  end: OnEnd = () => undefined;

  override watch(since: Revision, onCommits: (commits: readonly Commit[]) => void, onEnd: OnEnd = () => undefined): Watch {
    this.end = onEnd;
    return super.watch(since, onCommits);
  }
}

type OnEnd = (error: WeirError) => void;

test('one that can follow the store no longer is lost, and says why', async () => {
  const files = directory();
  const store = new EndingStore();
  const nothing = (): void => undefined;
  const exchange: Exchange = { id: 'a', others: () => [], ask: async () => null, answer: nothing };
  const presence: Presence = { present: () => new Set(['a']), decides: true, onChange: () => nothing, close: nothing };
  const ownership = await StoredOwnership.open({
    id: 'a',
    store,
    clock: systemClock,
    presence: () => presence,
    members: () => new Set(['a']),
    runs: releaseNamed('0'),
    pipeline: 1,
    clashes: () => false,
    onProblem: nothing,
  });
  const lost = Promise.withResolvers<WeirError>();
  await openSouthbound({
    store,
    exchange,
    ownership,
    switches: { kind: 'off' },
    counters: { intervalMs: 10_000, file: join(files, 'counters') },
    revision: () => store.revision,
    register: async () => 0,
    event: nothing,
    counted: nothing,
    recorded: nothing,
    recordsDropped: nothing,
    onLost: lost.resolve,
  });
  store.end(new WeirError('store-corrupt', 'a segment is damaged'));
  expect(await lost.promise).toMatchObject({ code: 'southbound-lost', message: expect.stringContaining('a segment is damaged') });
  ownership.close();
  rmSync(files, { recursive: true });
});

test('one that outgrows its memory is lost like any other', async () => {
  const lost = Promise.withResolvers<WeirError>();
  const weir = await RunningWeir.start(
    {},
    {
      onLost: lost.resolve,
      southbound: { file: new URL('../support/growing-thread.ts', import.meta.url), limits: { maxOldGenerationSizeMb: 96 } },
    },
  );
  expect(await lost.promise).toMatchObject({ code: 'southbound-lost', message: expect.stringContaining('memory') });
  expect(weir.log).toContainEqual(expect.objectContaining({ level: 'error', code: 'southbound-lost' }));
  expect(await weir.call('GET', '/v1/status')).toMatchObject({ status: 503 });
  await weir.stop();
});
