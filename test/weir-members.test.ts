import { afterAll, beforeAll, expect, test } from 'vitest';
import { changes } from '../src/cli/changes.ts';
import { Client } from '../src/cli/client.ts';
import { CuttingProxy } from './support/cutting-proxy.ts';
import { RunningCluster } from './support/running-cluster.ts';
import { type Answer, until } from './support/weir-client.ts';
import type { RunningWeir } from './support/running-weir.ts';

/** Three whole programs that share a store: what one of them acknowledged, all of them know. */
let cluster: RunningCluster;
beforeAll(async () => {
  cluster = await RunningCluster.start('127.0.0.1');
  await at('a').must('PUT', '/v1/tenants/acme', { spec: { posture: 'open' } });
  await at('a').must('PUT', '/v1/tenants/acme/networks/web', { spec: { subnets: [{ cidr: '10.0.0.0/16' }] } });
});
afterAll(() => cluster.stop());

/** WEIR_TEST_ROUNDS=50 for nights. */
const times = Number(process.env['WEIR_TEST_ROUNDS'] ?? 1);

const at = (id: string): RunningWeir => cluster.member(id);

const pairs = [
  ['a', 'b'],
  ['b', 'c'],
  ['c', 'a'],
] as const;

const vms = '/v1/tenants/acme/vms';
const vm = (label: string) => ({ metadata: { labels: { label } }, spec: { interfaces: [{ name: 'eth0', network: 'web' }] } });

interface Labelled {
  readonly metadata: { readonly name: string; readonly revision: number; readonly labels: { readonly label: string } };
}

/** What a reader elsewhere sees of a VM right after a write of it was acknowledged. */
async function seenBy(reader: RunningWeir, name: string): Promise<readonly unknown[]> {
  const question = { questions: [{ from: name, to: name, protocol: 'tcp', port: 80 }] };
  const [item, list, decided] = await Promise.all([
    reader.must<Labelled>('GET', `${vms}/${name}`),
    reader.must<{ items: readonly Labelled[] }>('GET', `${vms}?limit=1000`),
    reader.must<{ answers: readonly object[] }>('POST', '/v1/tenants/acme/decide', question),
  ]);
  const listed = list.items.find(({ metadata }) => metadata.name === name);
  return [item.metadata.labels.label, listed?.metadata.labels.label, Object.keys(decided.answers[0] ?? {}).includes('verdict')];
}

test('what was acknowledged at one member is read at another at once', async () => {
  const run = async (writer: string, reader: string): Promise<void> => {
    const name = `vm-${writer}`;
    for (let round = 0; round < 30 * times; round++) {
      await at(writer).must('PUT', `${vms}/${name}`, vm(`r${round}`));
      expect(await seenBy(at(reader), name)).toEqual([`r${round}`, `r${round}`, true]);
    }
    await at(writer).must('DELETE', `${vms}/${name}`);
    expect((await at(reader).call('GET', `${vms}/${name}`)).status).toBe(404);
  };
  await Promise.all(pairs.map(([writer, reader]) => run(writer, reader)));
});

test('nothing is refused, and nothing called unchanged, because of what a member does not know yet', async () => {
  const run = async (here: string, there: string): Promise<void> => {
    const network = `/v1/tenants/acme/networks/n-${here}`;
    const policy = `/v1/tenants/acme/policies/p-${here}`;
    const group = `/v1/tenants/acme/groups/g-${here}`;
    const second = pairs.findIndex(([id]) => id === here) + 1;
    for (let round = 0; round < 8 * times; round++) {
      const made = await at(here).must<Labelled>('PUT', network, { spec: { subnets: [{ cidr: `10.${second}.0.0/24` }] } });
      await at(here).must('PUT', group, { spec: { selector: {} } });
      // It names what was written elsewhere a moment ago, and holds it against the revision it had there.
      await at(there).must('PUT', policy, { spec: { tier: 'tenant', appliesTo: [`g-${here}`], ingress: [] } });
      const headers = { 'if-match': `"${made.metadata.revision}"` };
      const { status } = await fetch(at(there).url + network, { method: 'DELETE', headers });
      expect(status).toBe(200);
      // As it was before the write elsewhere: that is a change.
      await at(there).must('PUT', group, { spec: { selector: {} }, metadata: { labels: { round: 'x' } } });
      const again = await at(here).must<Labelled>('PUT', group, { spec: { selector: {} } });
      expect(again.metadata.labels).toEqual({});
      expect((await at(there).call('DELETE', policy)).status).toBe(200);
      expect((await at(here).call('DELETE', group)).status).toBe(200);
      expect((await at(there).call('DELETE', group)).status).toBe(404);
    }
  };
  await Promise.all(pairs.map(([here, there]) => run(here, there)));
});

interface Hook {
  readonly revision: number;
  readonly vm: { readonly metadata: { readonly uid: string; readonly revision: number } };
  readonly interfaces: readonly { readonly mac: string; readonly addresses: readonly string[] }[];
}

async function keyed(member: RunningWeir, name: string, key: string): Promise<Answer<Hook>> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const answer = await fetch(`${member.url}${vms}/${name}`, { method: 'PUT', headers, body: JSON.stringify(vm('keyed')) });
  return { status: answer.status, body: (await answer.json()) as Hook };
}

const told = ({ status, body: { revision, vm: made, interfaces } }: Answer<Hook>) => ({
  status,
  revision,
  made: made.metadata,
  interfaces,
});

test('one idempotency key has one effect and one answer at all members', async () => {
  for (let round = 0; round < 5 * times; round++) {
    const once = await Promise.all(['a', 'b', 'c'].map((id) => keyed(at(id), `once-${round}`, `key-${round}`)));
    expect(once.map(told)).toEqual([1, 2, 3].map(() => told(once[0] as Answer<Hook>)));
    expect(once[0]?.status).toBe(201);
    const later = await keyed(at('b'), `once-${round}`, `key-${round}`);
    expect(told(later)).toEqual(told(once[0] as Answer<Hook>));
    expect((await keyed(at('c'), 'another', `key-${round}`)).status).toBe(409);
  }
});

test('a deletion that is repeated answers as before at every member, and after a restart', async () => {
  const deleted = async (id: string): Promise<unknown> => {
    const { status, body } = await at(id).call<Hook>('DELETE', `${vms}/over`);
    return { status, revision: body.revision, vm: body.vm, interfaces: body.interfaces };
  };
  await at('a').must('PUT', `${vms}/over`, vm('over'));
  const first = await deleted('a');
  expect(first).toMatchObject({ status: 200, vm: { metadata: { name: 'over', labels: { label: 'over' } } } });
  await cluster.end('c');
  await cluster.begin('c');
  for (const id of cluster.ids) expect(await deleted(id)).toEqual(first);
  expect((await at('b').call('DELETE', `${vms}/never-there`)).status).toBe(404);
  // There again, elsewhere: that is another one, which goes.
  await at('b').must('PUT', `${vms}/over`, vm('again'));
  const second = await deleted('c');
  expect(second).toMatchObject({ status: 200, vm: { metadata: { labels: { label: 'again' } } } });
  expect(await deleted('a')).toEqual(second);
});

async function leader(): Promise<string> {
  return until(async () => (await at('a').must<{ leader: string | null }>('GET', '/v1/status')).leader ?? undefined);
}

test('a leader that is cut off refuses to read, and says what it has when asked for that', async () => {
  const cut = await leader();
  const other = cluster.ids.find((id) => id !== cut) ?? '';
  await at(cut).must('PUT', `${vms}/kept`, vm('before'));
  cluster.cutOff(cut);
  try {
    // Somebody else leads by now.
    await until(async () => (await at(other).call('PUT', `${vms}/kept`, vm('after'))).status === 200);
    const calls = [
      ['GET', vms, undefined],
      ['POST', '/v1/tenants/acme/decide', { questions: [{ from: 'kept', to: 'kept', protocol: 'tcp', port: 1 }] }],
      ['DELETE', `${vms}/never-there`, undefined],
    ] as const;
    const [refused, ...others] = await Promise.all([
      fetch(`${at(cut).url}${vms}/kept`),
      ...calls.map(([method, path, body]) => at(cut).call(method, path, body)),
    ]);
    expect(others.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ code: 'no-leader' });
    const old = await fetch(`${at(cut).url}${vms}/kept?consistency=local`);
    const { metadata } = (await old.json()) as Labelled;
    expect([old.status, metadata.labels.label]).toEqual([200, 'before']);
    expect(Number(old.headers.get('weir-revision'))).toBeGreaterThanOrEqual(metadata.revision);
    expect((await at(cut).call('GET', `${vms}?consistency=local`)).status).toBe(200);
    expect((await at(cut).call('GET', '/v1/status')).status).toBe(200);
    expect((await at(cut).call('GET', `${vms}?consistency=maybe`)).status).toBe(400);
  } finally {
    cluster.letIn(cut);
  }
  const back = await until(async () => {
    const answer = await at(cut).call<Labelled>('GET', `${vms}/kept`);
    return answer.status === 200 ? answer.body : undefined;
  });
  expect(back.metadata.labels.label).toBe('after');
});

test('who follows what changes goes on elsewhere, when its member is gone, with neither a gap nor a repeat', async () => {
  const [gone, other] = [await leader(), ...cluster.ids].filter((id, index, all) => all.indexOf(id) === index) as [string, string];
  const portOf = (id: string): number => Number(new URL(at(id).url).port);
  const proxy = await CuttingProxy.listen(portOf(gone));
  const client = new Client({ server: proxy.url, token: undefined, ca: undefined, cert: undefined, key: undefined });
  const apply = async (id: string, round: number): Promise<readonly string[]> => {
    const names = ['x', 'y', 'z'];
    const spec = { cidrs: [`10.0.${round}.0/24`] };
    const documents = names.map((name) => ({ kind: 'Group', metadata: { name, tenant: 'acme' }, spec }));
    const { status, body } = await until(async () => {
      const answer = await at(id).call<{ revision: number }>('POST', '/v1/apply', documents);
      return answer.status < 500 ? answer : undefined;
    });
    expect(status).toBe(200);
    return names.map((name) => `${body.revision} ${name}`);
  };
  const { revision: since } = await at(gone).must<{ revision: number }>('GET', '/v1/tenants/acme/groups');
  const seen: string[] = [];
  const following = (async (): Promise<void> => {
    for await (const { revision, resource } of changes(client, { kind: 'Group', since, pauseMs: 50, onLost: () => undefined })) {
      seen.push(`${revision} ${resource.metadata.name}`);
      if (seen.length === 12) return;
    }
  })();
  const wanted = [...(await apply(gone, 1)), ...(await apply(gone, 2))];
  await until(() => seen.length === wanted.length);
  await cluster.end(gone);
  try {
    proxy.port = portOf(other);
    wanted.push(...(await apply(other, 3)), ...(await apply(other, 4)));
    await following;
    expect(seen).toEqual(wanted);
  } finally {
    await cluster.begin(gone);
    proxy.close();
  }
});

test('a key that was used before its leader went has had its effect', async () => {
  const gone = await leader();
  const rest = cluster.ids.filter((id) => id !== gone);
  const first = await keyed(at(gone), 'failed-over', 'over');
  await cluster.end(gone);
  try {
    for (const id of rest) {
      const again = await until(async () => {
        const answer = await keyed(at(id), 'failed-over', 'over');
        return answer.status === 503 ? undefined : answer;
      });
      expect(told(again)).toEqual(told(first));
    }
  } finally {
    await cluster.begin(gone);
  }
});
