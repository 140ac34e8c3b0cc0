import { type Act, type Row, same, within } from '../../act.ts';
import { setStage } from '../../stage.ts';
import { expectWeir } from '../command.ts';
import { ownersRow, sharesOf } from '../evidence.ts';
import { ownedBy } from '../owners.ts';
import type { ClusterWorld } from '../world.ts';

const startMsMax = 20_000;

export const founding: Act<ClusterWorld> = {
  title: 'They begin together: one leader, one owner for each switch',
  async play(world, note) {
    note('certificates');
    await world.prepareFounders();
    note('starting the members');
    const begin = performance.now();
    await world.startMembers();
    const elapsedMs = performance.now() - begin;
    const staged = await setStage(world, note);
    await world.ledger.begin(() => world.members.filter(({ process }) => process.wasStarted));
    note('asking the switches');
    const owners = await world.awaitOwners();
    world.shares = owners;
    const ids = world.members.map(({ id }) => id);
    return [
      within(`bin/weir serve, ${world.size} times`, startMsMax, elapsedMs, 'all listen after'),
      ...(await statusRows(world)),
      ...staged,
      ownersRow('owners, as the switches say: one master, the others slaves, its epoch', world.lab.hosts.size, owners),
      {
        what: 'the load',
        expected: 'each has some',
        seen: sharesOf(owners, ids),
        ok: ids.every((id) => ownedBy(owners, id).length > 0),
      },
    ];
  },
};

async function statusRows(world: ClusterWorld): Promise<Row[]> {
  const { leader, members } = await world.awaitLeader();
  const voters = members.filter(({ role, reachable }) => role === 'voter' && reachable).length;
  const [, asked] = world.members;
  const table = await expectWeir(['cluster', 'status', '--server', (asked ?? world).api.server]);
  const strangers = await Promise.all(world.members.map((member) => member.receiveStranger()));
  return [
    {
      ...same('cluster status', `${world.size} voters, one leader that all name`, `${voters} voters, one leader that all name`),
      seen: `${voters} voters, all name ${leader}`,
      details: table.trimEnd().split('\n'),
    },
    same('a stranger at the port for members, without a certificate', 'turned away', [...new Set(strangers)].join(' and ')),
  ];
}
