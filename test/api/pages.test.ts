import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, openServer, type Server } from './server.ts';

let server: Server;
beforeAll(async () => {
  server = await openServer();
  const documents = Array.from({ length: 250 }, (_, index) => ({
    kind: 'Tenant',
    metadata: {
      name: `t${String(index).padStart(3, '0')}`,
      labels: { parity: index % 2 === 0 ? 'even' : 'odd', ...(index % 5 === 0 && { fifth: 'yes' }) },
    },
  }));
  const { status } = await ask(server, 'POST', '/v1/apply', { body: documents });
  if (status !== 200) throw new Error(`apply answered ${status}`);
});
afterAll(() => server.close());

interface Page {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
  readonly continue?: string;
  readonly revision: number;
}

async function page(query: Record<string, string>): Promise<Page> {
  const { status, body } = await ask(server, 'GET', `/v1/tenants?${new URLSearchParams(query).toString()}`);
  expect([status, body.code]).toEqual([200, undefined]);
  return body as Page;
}

const names = ({ items }: Page): readonly string[] => items.map(({ metadata }) => metadata.name);

test('a page holds 100 unless told', async () => {
  const first = await page({});
  expect(first.items).toHaveLength(100);
  expect((await page({ limit: '1000' })).items).toHaveLength(250);
  expect((await page({ limit: '1000' })).continue).toBeUndefined();
});

test('all pages show one snapshot, whatever is written meanwhile', async () => {
  const first = await page({ limit: '90' });
  await ask(server, 'PUT', '/v1/tenants/t0405', { body: {} });
  await ask(server, 'PUT', '/v1/tenants/t1505', { body: {} });
  await ask(server, 'DELETE', '/v1/tenants/t200');
  await ask(server, 'PUT', '/v1/tenants/t210', { body: { metadata: { labels: { parity: 'even' } }, spec: { posture: 'open' } } });
  const second = await page({ limit: '90', continue: first.continue ?? '' });
  const third = await page({ limit: '90', continue: second.continue ?? '' });
  expect([...names(first), ...names(second), ...names(third)]).toEqual(
    Array.from({ length: 250 }, (_, index) => `t${String(index).padStart(3, '0')}`),
  );
  expect([second.revision, third.revision, third.continue]).toEqual([first.revision, first.revision, undefined]);
  expect(third.items.find(({ metadata }) => metadata.name === 't210')).toMatchObject({ spec: { posture: 'zero-trust' } });
  const now = await page({ limit: '1000' });
  expect(names(now)).toContain('t0405');
  expect(names(now)).not.toContain('t200');
});

test('selectors select, across pages', async () => {
  const even = await page({ labelSelector: 'parity=even,fifth', limit: '20' });
  expect(names(even)).toEqual(Array.from({ length: 20 }, (_, index) => `t${String(index * 10).padStart(3, '0')}`));
  const rest = await page({ labelSelector: 'parity=even,fifth', limit: '20', continue: even.continue ?? '' });
  expect(names(rest).at(-1)).toBe('t240');
  expect(rest.continue).toBeUndefined();
  expect((await page({ labelSelector: 'parity in (even,odd),!fifth', limit: '1000' })).items.length).toBeGreaterThan(190);
  expect(names(await page({ labelSelector: 'parity notin (even,odd)' }))).toEqual(['t0405', 't1505']);
  expect(names(await page({ labelSelector: 'parity!=even,parity!=odd' }))).toEqual(['t0405', 't1505']);
});

test('a token belongs to its list', async () => {
  const { continue: token = '' } = await page({ limit: '10', labelSelector: 'parity=odd' });
  const answer = await ask(server, 'GET', `/v1/tenants?limit=10&continue=${token}`);
  expect(answer).toMatchObject({ status: 400, body: { code: 'malformed' } });
});

test('a token of a revision to come is none', async () => {
  const { continue: token = '' } = await page({ limit: '10' });
  const forged = Buffer.from(token, 'base64url').toString().replace(/^\d+/, '999999');
  const answer = await ask(server, 'GET', `/v1/tenants?limit=10&continue=${Buffer.from(forged).toString('base64url')}`);
  expect(answer).toMatchObject({ status: 400, body: { code: 'malformed' } });
});

test('a page of a snapshot that is no longer kept is gone', async () => {
  const short = await openServer({ retentionMs: 1 });
  try {
    const documents = Array.from({ length: 5 }, (_, index) => ({ kind: 'Tenant', metadata: { name: `t${index}` } }));
    await ask(short, 'POST', '/v1/apply', { body: documents });
    const first = await ask(short, 'GET', '/v1/tenants?limit=2');
    await expect
      .poll(
        async () => {
          await ask(short, 'PUT', '/v1/tenants/more', { body: { metadata: { labels: { n: String(Math.floor(performance.now())) } } } });
          return (await ask(short, 'GET', `/v1/tenants?limit=2&continue=${first.body.continue}`)).body.code;
        },
        { timeout: 30_000 },
      )
      .toBe('compacted');
    const gone = await ask(short, 'GET', `/v1/tenants?limit=2&continue=${first.body.continue}`);
    expect(gone.status).toBe(410);
    expect(await ask(short, 'GET', '/v1/watch?since=0')).toMatchObject({ status: 410, body: { code: 'compacted' } });
  } finally {
    await short.close();
  }
});
