import { connectTcp } from '../../../lab/index.ts';
import { type Act, type Note, type Row, same, within } from '../../act.ts';
import { Refusal } from '../../api.ts';
import { startTraffic } from '../../passing.ts';
import { expectWeir } from '../command.ts';
import { ledgerRow, ownersRow, sharesOf } from '../evidence.ts';
import type { Member } from '../member.ts';
import { sameOwners } from '../owners.ts';
import type { ClusterWorld } from '../world.ts';
import { acceptedRow } from './leader-death.ts';

const refusedMsMax = 12_000;
const readMsMax = 1000;
const backMsMax = 15_000;
const patienceMs = 30_000;
const policy = '/v1/tenants/acme/policies/web-in';

export const minority: Act<ClusterWorld> = {
  title: 'More than half are dead: local reads and packets go on, writes are refused; one comes back',
  async play(world, note) {
    const traffic = await startTraffic(world);
    const quorum = Math.floor(world.present.length / 2) + 1;
    const victims = world.present.slice(0, world.present.length - quorum + 1);
    note(`kill -9: ${victims.map(({ id }) => id).join(', ')}`);
    await Promise.all(victims.map(({ process }) => process.kill()));
    const alone = await without(world, note);
    const [first] = victims;
    if (!first) return [same('members to kill', 'some', 'none')];
    const back = await returned(world, first, note);
    note('the others come back');
    await world.startMembers();
    const owners = await world.awaitOwners((now) => sameOwners(now, world.shares));
    const passed = await traffic.stop();
    const ids = world.present.map(({ id }) => id);
    return [
      ...alone,
      ...back,
      ...passed,
      ownersRow('all are back; owners, as the switches say', world.lab.hosts.size, owners),
      same('what each has', sharesOf(world.shares, ids), sharesOf(owners, ids)),
      await ledgerRow(world, world.present),
    ];
  },
};

/** What the ones that are left do, and do not do. */
async function without(world: ClusterWorld, note: Note): Promise<Row[]> {
  const [left] = world.present;
  if (!left) return [same('members that are left', 'some', 'none')];
  note(`asking ${left.id}`);
  const [rows, refusal] = await Promise.all([readAlone(world, left), refusalOf(left)]);
  const { problem, status, elapsedMs } = refusal;
  return [
    ...rows,
    {
      what: `PUT at ${left.id}`,
      expected: 'refused',
      seen: `${status} ${problem}`,
      ok: status === 503 && ['no-leader', 'unknown-outcome'].includes(problem),
      details: (await expectWeir(['cluster', 'status', '--server', left.api.server])).trimEnd().split('\n'),
    },
    within('its refusal', refusedMsMax, elapsedMs, 'comes after'),
  ];
}

async function readAlone(world: ClusterWorld, left: Member): Promise<Row[]> {
  const begin = performance.now();
  const { metadata } = await left.api.get<{ metadata: { name: string } }>(`${policy}?consistency=local`);
  const readMs = performance.now() - begin;
  const { answers } = await left.api.ask<{ answers: readonly { verdict: string }[] }>('/v1/tenants/acme/decide?consistency=local', {
    questions: [
      { from: 'client-1', to: 'web-1', protocol: 'tcp', port: 8080 },
      { from: 'client-1', to: 'db-1', protocol: 'tcp', port: 5432 },
    ],
  });
  const { outcome } = await connectTcp(world.lab, world.guest('acme/web-2'), { address: world.address('acme/db-1'), port: 5432 });
  return [
    within(`local GET of a policy at ${left.id}`, readMsMax, readMs, `${metadata.name} after`),
    same(
      `local decide at ${left.id}: client-1 → web-1 tcp/8080, → db-1 tcp/5432`,
      'allow, deny',
      answers.map(({ verdict }) => verdict).join(', '),
    ),
    same('acme/web-2 → acme/db-1  tcp/5432, a new connection', 'connected', outcome),
  ];
}

async function refusalOf({ api }: Member): Promise<{ readonly status: number; readonly problem: string; readonly elapsedMs: number }> {
  const begin = performance.now();
  const elapsed = (): number => performance.now() - begin;
  try {
    await api.write('/v1/tenants/acme/services/too-few', {
      kind: 'Service',
      metadata: { name: 'too-few', tenant: 'acme' },
      spec: { ports: [{ protocol: 'tcp', port: 1 }] },
    });
    return { status: 200, problem: 'accepted', elapsedMs: elapsed() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, problem: error.problem, elapsedMs: elapsed() };
  }
}

async function returned(world: ClusterWorld, member: Member, note: Note): Promise<Row[]> {
  note(`starting ${member.id}`);
  const begin = performance.now();
  const [, accepted] = await Promise.all([world.startMember(member.id), world.ledger.acceptedAfter(begin, patienceMs)]);
  return [acceptedRow(`${member.id} is started: the next write is accepted`, begin, accepted, backMsMax)];
}
