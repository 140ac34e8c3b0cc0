import { openTcp, type ReplyStream, streamReplies, type TcpConnection } from '../../lab/index.ts';
import { type Act, awaited, delay, type Note, type Row, same, spell, within } from '../act.ts';
import type { Player } from '../cast.ts';
import type { World } from '../world.ts';

const watchMs = 400;
const echoMs = 500;
const realizedMsMax = 1000;
/** TCP sends again after a growing while: a connection that is allowed again takes up to that long to go on. */
const resumeMs = 6000;

/** Denies one side of what is open: connections from the front network to the web servers. */
const maintenance = {
  kind: 'Policy',
  metadata: { name: 'maintenance', tenant: 'acme' },
  spec: { tier: 'tenant', order: 1, appliesTo: ['web'], ingress: [{ action: 'deny', from: [{ group: 'front-net' }] }] },
};
const maintenancePath = '/v1/tenants/acme/policies/maintenance';
const vmPath = '/v1/tenants/acme/vms/web-2';

/** Connections that stay open: TCP that will be denied, TCP that will not, and a UDP stream in which only replies flow. */
interface Open {
  readonly denied: TcpConnection;
  readonly other: TcpConnection;
  readonly replies: ReplyStream;
}

interface Look {
  readonly denied: string;
  readonly other: string;
  readonly datagrams: number;
}

export const revocation: Act = {
  title: 'A policy change cuts connections that are open',
  play: async (world, note) => [...(await deny(world, note)), ...(await quarantine(world, note))],
};

async function deny(world: World, note: Note): Promise<Row[]> {
  const open = await openAll(world);
  note('open connections carry data');
  const before = await look(open, resumeMs);
  note('a policy denies them');
  const begin = performance.now();
  await world.api.put(maintenancePath, maintenance);
  const deniedMs = performance.now() - begin;
  await drained(open.replies);
  const after = await look(open, echoMs);
  note('the policy is deleted');
  await world.api.remove(maintenancePath);
  const again = await look(open, resumeMs);
  await Promise.all([open.denied.close(), open.other.close(), open.replies.stop()]);
  const tcp = 'acme/client-1 → acme/web-1  open TCP';
  const udp = `acme/web-1 → acme/client-1  UDP replies without requests, in ${watchMs} ms`;
  const flowing = ({ datagrams }: Look): string => (datagrams > 0 ? 'flow' : 'silence');
  const counted = (row: Row, { datagrams }: Look): Row => ({ ...row, seen: `${row.seen}: ${datagrams} datagrams` });
  return [
    same(`${tcp}, while allowed`, 'echoed', before.denied),
    counted(same(`${udp}, while allowed`, 'flow', flowing(before)), before),
    within('PUT of a policy that denies both', realizedMsMax, deniedMs, 'realized on every switch after'),
    same(`${tcp}, now`, 'timeout', after.denied),
    counted(same(`${udp}, now`, 'silence', flowing(after)), after),
    same('acme/client-1 → acme/db-1  open TCP that nothing denies', 'echoed', after.other),
    same(`${tcp}, after the policy was deleted`, 'echoed', again.denied),
    counted(same(`${udp}, again`, 'flow', flowing(again)), again),
  ];
}

async function openAll(world: World): Promise<Open> {
  const { lab } = world;
  const client = world.guest('acme/client-1');
  const to = (player: Player, port: number) => ({ address: world.address(player), port });
  const [denied, other, replies] = await Promise.all([
    openTcp(lab, client, to('acme/web-1', 8080)),
    openTcp(lab, client, to('acme/db-1', 9187)),
    streamReplies(lab, world.guest('acme/web-1'), client, to('acme/web-1', 8085)),
  ]);
  return { denied, other, replies };
}

/** Whether data goes through, and how many datagrams come in a while. */
async function look({ denied, other, replies }: Open, timeoutMs: number): Promise<Look> {
  const { received } = await replies.count();
  const [first, second] = await Promise.all([denied.exchange(timeoutMs), other.exchange(resumeMs), delay(watchMs)]);
  return { denied: first.outcome, other: second.outcome, datagrams: (await replies.count()).received - received };
}

/** What had passed before arrives when the guest gets its turn. */
async function drained(replies: ReplyStream): Promise<void> {
  await awaited(async () => {
    const { received } = await replies.count();
    await delay(100);
    return (await replies.count()).received === received || undefined;
  });
}

/** A label moves a VM into another group: its connections are judged anew, those to other VMs are left alone. */
async function quarantine(world: World, note: Note): Promise<Row[]> {
  const client = world.guest('acme/client-1');
  const open = (player: Player): Promise<TcpConnection> => openTcp(world.lab, client, { address: world.address(player), port: 8080 });
  const [labelled, other] = await Promise.all([open('acme/web-2'), open('acme/web-1')]);
  const { metadata, spec } = await world.api.get<{ metadata: { labels: object }; spec: object }>(vmPath);
  const write = (labels: object): Promise<unknown> =>
    world.api.put(vmPath, { kind: 'Vm', metadata: { name: 'web-2', tenant: 'acme', labels }, spec });
  note('a label puts web-2 into quarantine');
  const begin = performance.now();
  await write({ ...metadata.labels, quarantine: 'yes' });
  const labelledMs = performance.now() - begin;
  const [cut, kept] = await Promise.all([labelled.exchange(echoMs), other.exchange(resumeMs)]);
  await write(metadata.labels);
  const resumed = await labelled.exchange(resumeMs);
  await Promise.all([labelled.close(), other.close()]);
  return [
    same(`open TCP to acme/web-2, labelled for quarantine (${spell(labelledMs)})`, 'timeout', cut.outcome),
    same('open TCP to acme/web-1, not labelled', 'echoed', kept.outcome),
    same('open TCP to acme/web-2, the label gone again', 'echoed', resumed.outcome),
  ];
}
