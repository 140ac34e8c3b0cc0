import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { CompactedError, type Commit } from '../../cluster/index.ts';
import type { ApiPorts } from '../../src/api/ports.ts';
import { WatchStream, type WatchRequest } from '../../src/api/watch-stream.ts';
import { silentLogger } from '../../src/telemetry/index.ts';

/** One stream over a socket, with a store that the test speaks for. */
interface Rig {
  readonly response: IncomingMessage;
  readonly cuts: () => number;
  readonly subscriptions: number[];
  readonly closed: () => boolean;
  commit(revision: number): void;
  end(reason: string): void;
  stop(): Promise<void>;
}

async function rig(request: Partial<WatchRequest>, onWatch: () => void = () => undefined): Promise<Rig> {
  const subscriptions: number[] = [];
  let deliver: ((commits: readonly Commit[]) => void) | undefined;
  let onEnd: ((error: CompactedError) => void) | undefined;
  let cuts = 0;
  let closed = false;
  const store = {
    watch(since: number, onCommits: (commits: readonly Commit[]) => void, end?: (error: CompactedError) => void) {
      onWatch();
      subscriptions.push(since);
      deliver = onCommits;
      onEnd = end;
      return { close: () => (deliver = undefined) };
    },
  };
  const read = { effects: async (all: readonly unknown[]) => all.map(() => ({ errors: [], interfaces: [], host: undefined })) };
  const budget = { usage: () => ({}), flowsOf: () => 0 };
  const metrics = { watcherCut: () => (cuts += 1) };
  const ports = { store, read, budget, metrics, log: silentLogger } as unknown as ApiPorts;
  const handle = (_request: IncomingMessage, response: ServerResponse): void => {
    const stream = new WatchStream(ports, response, {
      since: 7,
      kind: undefined,
      caller: { name: 'test', role: 'platform' },
      bufferBytesMax: 65_536,
      keepAliveMs: 60_000,
      stalledMsMax: 60_000,
      ...request,
    });
    stream.onClose(() => (closed = true));
    stream.start();
  };
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve) => get({ host: '127.0.0.1', port }, resolve));
  response.on('error', () => undefined);
  return {
    response,
    cuts: () => cuts,
    subscriptions,
    closed: () => closed,
    commit: (revision) => deliver?.([commitOf(revision)]),
    end: () => onEnd?.(new CompactedError(1, 2)),
    stop: () =>
      new Promise((resolve) => {
        response.destroy();
        server.close(() => resolve());
      }),
  };
}

function commitOf(revision: number): Commit {
  const value = JSON.stringify({
    kind: 'Tenant',
    metadata: { name: `t${revision}`, labels: { filling: 'x'.repeat(10_000) }, uid: 'u', createdAt: 'c' },
    spec: {},
  });
  const key = `doc/Tenant/-/t${revision}`;
  return { revision, wallMs: 0, changes: [{ key, after: { key, value, createRevision: revision, modRevision: revision } }] };
}

test('a reader that is behind is paused, then taken up behind the last event it got', async () => {
  const stream = await rig({});
  try {
    stream.response.pause();
    let revision = 7;
    await expect
      .poll(() => {
        for (let n = 0; n < 100; n++) stream.commit(++revision);
        return stream.subscriptions.length;
      })
      .toBe(1);
    stream.response.resume();
    await expect.poll(() => stream.subscriptions.length).toBeGreaterThan(1);
    expect(stream.subscriptions[1]).toBeLessThan(revision);
    expect(stream.cuts()).toBe(0);
  } finally {
    await stream.stop();
  }
});

test('a reader that takes nothing at all is cut and counted', async () => {
  const stream = await rig({ stalledMsMax: 50 });
  try {
    stream.response.pause();
    let revision = 7;
    await expect
      .poll(
        () => {
          for (let n = 0; n < 500; n++) stream.commit(++revision);
          return stream.cuts();
        },
        { timeout: 30_000 },
      )
      .toBe(1);
    expect(stream.closed()).toBe(true);
  } finally {
    await stream.stop();
  }
});

test('silence is filled with comments', async () => {
  const stream = await rig({ keepAliveMs: 10 });
  try {
    let text = '';
    stream.response.on('data', (chunk) => (text += String(chunk)));
    await expect.poll(() => text).toMatch(/^: watching behind revision 7\n\n(: complete 7\n\n){2,}$/);
  } finally {
    await stream.stop();
  }
});

test('a store that ends the watch ends the stream', async () => {
  const stream = await rig({});
  try {
    const closed = new Promise((resolve) => stream.response.on('close', resolve));
    stream.end('compacted');
    await closed;
    expect([stream.cuts(), stream.closed()]).toEqual([1, true]);
  } finally {
    await stream.stop();
  }
});

test('a reader that is so far behind that its place is compacted is cut', async () => {
  let watches = 0;
  const stream = await rig({}, () => {
    if (++watches > 1) throw new CompactedError(1, 2);
  });
  try {
    stream.response.pause();
    for (let revision = 8; revision < 2000; revision++) stream.commit(revision);
    stream.response.resume();
    await expect.poll(() => stream.cuts()).toBe(1);
  } finally {
    await stream.stop();
  }
});
