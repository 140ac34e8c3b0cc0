import { type Note, type Row, spell } from './act.ts';
import { players } from './cast.ts';
import type { World } from './world.ts';

/** Hypervisors join by one command, documents by one transaction, VMs by the start hook. Every act but the first needs it. */
export async function setStage(world: World, note: Note): Promise<Row[]> {
  const begin = performance.now();
  note('ovs-vsctl set-manager on each hypervisor');
  await world.join();
  const { switches } = await world.awaitRealized();
  const joined = performance.now();
  note('applying examples/');
  const { results, revision } = await world.api.apply(await world.examples());
  const applied = performance.now();
  note('starting VMs');
  await world.bringOnStage();
  const staged = performance.now();
  const { switches: now } = await world.awaitRealized();
  const hosts = world.lab.hosts.size;
  const created = results.filter(({ action }) => action === 'created').length;
  const errors = now.flatMap((each) => each.errors);
  return [
    {
      what: 'hypervisors after ovs-vsctl set-manager',
      expected: `${hosts} connected`,
      seen: `${switches.length} connected, OpenFlow ${switches[0]?.openflow}, ${spell(joined - begin)}`,
      ok: switches.length === hosts,
    },
    {
      what: 'apply examples/ in one transaction',
      expected: 'all created',
      seen: `${created} of ${results.length} created as revision ${revision}, ${spell(applied - joined)}`,
      ok: created === results.length,
    },
    {
      what: 'VMs started by the hook, plugged, forwarding',
      expected: `${players.length} active`,
      seen: `${world.lab.guests.length} active, ${spell(staged - applied)}`,
      ok: world.lab.guests.length === players.length,
    },
    {
      what: 'OpenFlow errors from the switches',
      expected: 'none',
      seen: errors.length === 0 ? `none, ${now.map((each) => each.flows).join(' + ')} flows` : errors.map((each) => each.error).join(', '),
      ok: errors.length === 0,
    },
  ];
}
