import { startPing } from '../../lab/index.ts';
import { type Act, delay, type Row, spell, within } from '../act.ts';
import { differences, readTables } from '../switch-tables.ts';
import type { World } from '../world.ts';

const host = 'hv1';
const repairMsMax = 1000;
const patienceMs = 20_000;

interface Meddling {
  readonly what: string;
  readonly command: (port: number) => readonly string[];
}

const meddlings: readonly Meddling[] = [
  { what: 'ovs-ofctl del-flows: a port is forgotten', command: (port) => ['del-flows', 'br-int', `table=0,in_port=${port}`] },
  { what: 'ovs-ofctl add-flow: everything is dropped', command: () => ['add-flow', 'br-int', 'table=0,priority=65535,actions=drop'] },
  { what: 'ovs-ofctl mod-flows: a port sends nowhere', command: (port) => ['mod-flows', 'br-int', `table=0,in_port=${port},actions=drop`] },
  { what: 'ovs-ofctl del-flows: everything is gone', command: () => ['del-flows', 'br-int'] },
];

/** Somebody else writes to the switch. It stays as Weir wants it. */
export const drift: Act = {
  title: `Somebody changes flows on ${host} behind Weir's back`,
  async play(world, note) {
    const counterBefore = await repairedOn(world);
    const ping = startPing(world.lab, world.guest('acme/web-1'), world.address('acme/web-2'));
    const rows: Row[] = [];
    for (const meddling of meddlings) {
      note(meddling.what);
      rows.push(await meddle(world, meddling));
      await delay(200);
    }
    const { sent, missing, gapMsMax } = await ping.stop();
    const repaired = (await repairedOn(world)) - counterBefore;
    return [
      ...rows,
      {
        what: '10 ms ping all the while, longest pause',
        expected: `at most ${spell(repairMsMax)}`,
        seen: `${spell(gapMsMax)}, ${missing.length} of ${sent} lost`,
        ok: gapMsMax <= repairMsMax && sent > missing.length,
        isPace: true,
      },
      {
        what: 'repairs that Weir counted',
        expected: `at least ${meddlings.length}`,
        seen: `${repaired}`,
        ok: repaired >= meddlings.length,
      },
    ];
  },
};

async function meddle(world: World, { what, command }: Meddling): Promise<Row> {
  const { lab } = world;
  const port = world.guest('acme/web-1').interfaces[0]?.ofport ?? 0;
  const before = await readTables(lab, host);
  const begin = performance.now();
  await lab.ofctl(host, ['-O', 'OpenFlow15', ...command(port)]);
  for (;;) {
    const { gained, lost } = differences(before, await readTables(lab, host));
    const elapsedMs = performance.now() - begin;
    if (gained.length === 0 && lost.length === 0) return within(what, repairMsMax, elapsedMs, 'put right after');
    if (elapsedMs > patienceMs)
      return { what, expected: 'put right', seen: `after ${spell(elapsedMs)}: ${gained.length} more, ${lost.length} less`, ok: false };
  }
}

async function repairedOn(world: World): Promise<number> {
  return (await world.api.status()).switches.find(({ name }) => name === host)?.driftRepaired ?? 0;
}
