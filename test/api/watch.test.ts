import { get as httpGet, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acme, ask, openServer, prepareTenants, secrets, tokens, type Server } from './server.ts';

let server: Server;
const open: IncomingMessage[] = [];
beforeEach(async () => {
  server = await openServer({ tokens, watchBufferBytesMax: 65_536, watchersMax: 3 });
  await prepareTenants(server, secrets.platform);
});
afterEach(async () => {
  for (const response of open.splice(0)) response.destroy();
  await server.close();
});

interface Event {
  readonly id: number;
  readonly event: string;
  readonly resource: {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly tenant?: string; readonly revision: number };
    readonly spec: Record<string, unknown>;
  };
}

/** A reader of the stream: the raw text as it came, and the events in it. */
interface Reader {
  readonly response: IncomingMessage;
  readonly text: () => string;
  readonly events: () => readonly Event[];
  /** Waits for as many events, and a little longer for one too many. */
  until(count: number): Promise<readonly Event[]>;
}

async function watch(path: string, headers: Record<string, string> = {}, token: string = secrets.platform): Promise<Reader> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet(server.url + path, { headers: { authorization: `Bearer ${token}`, ...headers } }, resolve).on('error', reject);
  });
  open.push(response);
  expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  response.setEncoding('utf8');
  let text = '';
  response.on('data', (chunk: string) => (text += chunk));
  const events = (): readonly Event[] =>
    text.split('\n\n').flatMap((block) => {
      const parts = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(block);
      return parts ? [{ id: Number(parts[1]), event: parts[2] ?? '', resource: JSON.parse(parts[3] ?? '') as Event['resource'] }] : [];
    });
  return {
    response,
    text: () => text,
    events,
    async until(count) {
      await expect.poll(() => events().length).toBeGreaterThanOrEqual(count);
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(events()).toHaveLength(count);
      return events();
    },
  };
}

const as = (token: string) => ({ token });
const put = async (path: string, body: unknown = {}): Promise<number> => {
  const answer = await ask(server, 'PUT', path, { body, ...as(secrets.platform) });
  expect(answer.status).toBeLessThan(300);
  return server.store.revision;
};

test('events come in revision order, with the resource as it was then', async () => {
  const since = server.store.revision;
  const live = await watch('/v1/watch');
  const first = await put('/v1/tenants/acme/networks/n', { spec: { mtu: 1400 } });
  const second = await put('/v1/tenants/acme/networks/n', { spec: { mtu: 1300 } });
  const gone = await ask(server, 'DELETE', '/v1/tenants/acme/networks/n', as(secrets.platform));
  const expected = [
    {
      id: first,
      event: 'put',
      resource: { kind: 'Network', metadata: { name: 'n', tenant: 'acme', revision: first }, spec: { mtu: 1400 } },
    },
    { id: second, event: 'put', resource: { kind: 'Network', metadata: { name: 'n', revision: second }, spec: { mtu: 1300 } } },
    { id: gone.body.revision, event: 'delete', resource: { kind: 'Network', metadata: { name: 'n', revision: second } } },
  ];
  expect(await live.until(3)).toMatchObject(expected);
  const late = await watch(`/v1/watch?since=${since}`);
  expect(await late.until(3)).toEqual(live.events());
});

test('a stream resumes behind the last event seen, and misses nothing', async () => {
  const first = await watch('/v1/watch?since=0');
  await first.until(3);
  const last = first.events().at(-1)?.id ?? 0;
  first.response.destroy();
  const missed = await put('/v1/tenants/missed');
  const again = await watch('/v1/watch?since=0', { 'last-event-id': String(last) });
  expect((await again.until(1))[0]).toMatchObject({ id: missed, resource: { metadata: { name: 'missed' } } });
  const live = await put('/v1/tenants/live');
  expect((await again.until(2))[1]).toMatchObject({ id: live });
});

test('a kind alone', async () => {
  const networks = await watch('/v1/watch?since=0&kind=Network');
  await put('/v1/tenants/more');
  await put('/v1/tenants/acme/networks/more');
  expect((await networks.until(2)).map(({ resource }) => resource.metadata.name)).toEqual(['web', 'more']);
  expect(await ask(server, 'GET', '/v1/watch?kind=Planet', as(secrets.platform))).toMatchObject({
    status: 400,
    body: { code: 'malformed', detail: expect.stringMatching(/^"Planet" is no kind: one of .*Network/) },
  });
});

test('a tenant sees its own and nothing else', async () => {
  const own = await watch('/v1/watch?since=0', {}, secrets.acme);
  await put('/v1/tenants/other/networks/theirs');
  await put('/v1/groups/platforms', { spec: { cidrs: ['198.51.100.0/24'] } });
  await put('/v1/tenants/acme/vms/mine', acme.vm);
  expect((await own.until(3)).map(({ resource }) => [resource.kind, resource.metadata.name])).toEqual([
    ['Tenant', 'acme'],
    ['Network', 'web'],
    ['Vm', 'mine'],
  ]);
  expect(own.text()).not.toMatch(/other|theirs|platforms/);
});

test('one revision of many documents gives as many events of that id', async () => {
  const reader = await watch('/v1/watch');
  const body = Array.from({ length: 20 }, (_, index) => ({ kind: 'Tenant', metadata: { name: `many-${index}` } }));
  const { body: applied } = await ask(server, 'POST', '/v1/apply', { body, ...as(secrets.platform) });
  const events = await reader.until(20);
  expect(new Set(events.map(({ id }) => id))).toEqual(new Set([applied.revision]));
});

test('a reader that stops reading costs a bounded buffer and still misses nothing', async () => {
  const slow = await watch('/v1/watch');
  slow.response.pause();
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`label-${index}`, 'x'.repeat(60)]));
  const rounds = 40;
  for (let round = 0; round < rounds; round++) {
    const body = Array.from({ length: 50 }, (_, index) => ({
      kind: 'Tenant',
      metadata: { name: `t-${index}`, labels: { ...labels, round: String(round) } },
    }));
    expect((await ask(server, 'POST', '/v1/apply', { body, ...as(secrets.platform) })).status).toBe(200);
  }
  slow.response.resume();
  const events = await slow.until(rounds * 50);
  const ids = events.map(({ id }) => id);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
});

test('no more watches than allowed, and a closed one makes room', async () => {
  const readers = [await watch('/v1/watch'), await watch('/v1/watch'), await watch('/v1/watch')];
  expect(await ask(server, 'GET', '/v1/watch', as(secrets.platform))).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
  readers[0]?.response.destroy();
  await expect.poll(() => server.counted.at(-1)).toBe('watchers 2');
  await watch('/v1/watch');
});

test('closing the server ends the streams', async () => {
  const reader = await watch('/v1/watch');
  const ended = new Promise((resolve) => reader.response.on('close', resolve));
  await server.api.close();
  await ended;
});
