import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Act, delay, type Note, type Row, same, spell, within } from '../../act.ts';
import { monitorFlows } from '../../flow-monitor.ts';
import { startTraffic } from '../../passing.ts';
import { expectWeir } from '../command.ts';
import { ledgerRow, noFlowRow, ownersRow, sharesOf } from '../evidence.ts';
import { ownedBy } from '../owners.ts';
import type { ClusterWorld } from '../world.ts';

const joinMsMax = 20_000;
const patienceMs = 60_000;

export const membership: Act<ClusterWorld> = {
  title: 'Leadership is handed over, a backup taken, one joins and one leaves; everything goes on',
  async play(world, note) {
    const before = await world.awaitOwners();
    const monitor = await monitorFlows(world.lab);
    const traffic = await startTraffic(world);
    const handed = await handOver(world, note);
    const backup = await backUp(world, note);
    const [[joined, newcomer], restored] = await Promise.all([letIn(world, note), restore(world, backup)]);
    const left = await letGo(world, newcomer, note);
    note('asking the switches');
    const after = await world.awaitOwners((owners) => ownedBy(owners, newcomer).length > 0);
    world.shares = after;
    const [passed, changes] = await Promise.all([traffic.stop(), monitor.stop()]);
    return [
      handed,
      backup.row,
      restored,
      joined,
      left,
      ownersRow('owners, as the switches say', world.lab.hosts.size, after, before),
      { what: `the share of ${newcomer}`, expected: 'some', seen: sharesOf(after, [newcomer]), ok: ownedBy(after, newcomer).length > 0 },
      noFlowRow('flows changed on any switch, as flow monitors tell', changes),
      ...passed,
      await ledgerRow(world, world.present),
    ];
  },
};

async function handOver(world: ClusterWorld, note: Note): Promise<Row> {
  const { leader } = await world.awaitLeader();
  const next = world.present.find(({ id }) => id !== leader)?.id ?? leader;
  note(`to ${next}`);
  await expectWeir(['cluster', 'transfer', next, '--server', world.api.server]);
  return same(`weir cluster transfer ${next}; who leads, as all say`, next, (await world.awaitLeader()).leader);
}

interface Backup {
  readonly file: string;
  readonly content: string;
  readonly row: Row;
}

async function backUp(world: ClusterWorld, note: Note): Promise<Backup> {
  const file = join(world.directory, 'weir.backup');
  const at = world.present.at(-1);
  note('backing up');
  const promised = Math.max(...world.ledger.acknowledged.map(({ revision }) => revision));
  const begin = performance.now();
  const saved = read(await expectWeir(['backup', file, '--server', (at ?? world).api.server, '--json']));
  const elapsedMs = performance.now() - begin;
  const { size } = await stat(file);
  const row: Row = {
    what: `weir backup at ${at?.id}, writes going on`,
    expected: 'no older than what was acknowledged',
    seen: `${spellContent(saved)}, ${Math.round(size / 1024)} KiB, ${spell(elapsedMs)}`,
    ok: saved.revision >= promised && saved.entries > 0,
  };
  return { file, content: spellContent(saved), row };
}

/** Whole: it can be restored, elsewhere. */
async function restore({ directory }: ClusterWorld, { file, content }: Backup): Promise<Row> {
  const restored = read(await expectWeir(['restore', file, '--data', join(directory, 'restored'), '--json']));
  return same('weir restore of it, into an empty directory', content, spellContent(restored));
}

interface Content {
  readonly revision: number;
  readonly entries: number;
}

const read = (json: string): Content => JSON.parse(json) as Content;
const spellContent = ({ revision, entries }: Content): string => `revision ${revision}, ${entries} entries`;

async function letIn(world: ClusterWorld, note: Note): Promise<readonly [Row, string]> {
  note('one joins');
  const begin = performance.now();
  const { id } = await world.joinMember(world.api.server);
  const isVoter = async (): Promise<boolean> =>
    (await world.awaitLeader()).members.some((member) => member.id === id && member.role === 'voter');
  while (!(await isVoter()) && performance.now() - begin < patienceMs) await delay(50);
  const elapsedMs = performance.now() - begin;
  const what = `weir serve --member-id ${id} --join …`;
  if (!(await isVoter())) return [same(what, 'votes', `does not after ${spell(elapsedMs)}`), id];
  return [within(what, joinMsMax, elapsedMs, 'has the data and votes after'), id];
}

/** One of those that were there, and the leader: it hands over first. */
async function letGo(world: ClusterWorld, newcomer: string, note: Note): Promise<Row> {
  const { leader } = await world.awaitLeader();
  const leaving = world.present.find(({ id }) => id === leader && id !== newcomer)?.id ?? world.present[0]?.id ?? '';
  note(`${leaving} leaves`);
  const at = world.present.find(({ id }) => id !== leaving)?.api ?? world.api;
  await expectWeir(['cluster', 'remove', leaving, '--server', at.server]);
  await world.dismiss(leaving);
  const { members } = await world.awaitLeader();
  const expected = world.present
    .map(({ id }) => id)
    .toSorted()
    .join(' ');
  const row = same(
    `weir cluster remove ${leaving}; who is left`,
    expected,
    members
      .map(({ id }) => id)
      .toSorted()
      .join(' '),
  );
  return { ...row, details: (await expectWeir(['cluster', 'status', '--server', at.server])).trimEnd().split('\n') };
}
