import { connectTcp, listenTcp } from '../../lab/index.ts';
import { type Act, type Note, type Row, same, spell } from '../act.ts';
import type { HookAnswer } from '../api.ts';
import { differences, readAllTables, type SwitchTables } from '../switch-tables.ts';
import type { World } from '../world.ts';

const tenant = 'acme';
const names = ['extra-1', 'extra-2', 'extra-3', 'extra-4'] as const;
const host = 'hv2';
const guest = `${tenant}/${names[0]}`;

const document = (name: string) => ({
  kind: 'Vm',
  metadata: { name, tenant, labels: { app: 'web' } },
  spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'front' }] },
});

/** The hooks from the first to the last: what the switches hold at the end is what they held at the beginning. */
export const vmLife: Act = {
  title: 'The life of a VM: create, start, stop, delete; nothing of it stays',
  async play(world, note) {
    const before = await readAllTables(world.lab);
    const created = await createAll(world, note);
    const { mac = '', addresses = [] } = created[0]?.interfaces[0] ?? {};
    note('starting');
    for (const name of names) await world.start(`${tenant}/${name}`, host);
    const plugged = await world.plug(guest, host);
    await listenTcp(world.lab, plugged, 8080);
    const reach = () => connectTcp(world.lab, world.guest('acme/client-1'), { address: addresses[0] ?? '', port: 8080 }, 500);
    const started = await readAllTables(world.lab);
    const running = await reach();
    note('stopping');
    for (const name of names) world.times.add('stop', await world.api.stopVm(tenant, name));
    const stopped = await reach();
    const afterStop = await readAllTables(world.lab);
    const kept = await world.api.get<HookAnswer['vm']>(`/v1/tenants/${tenant}/vms/${names[0]}`);
    await world.lab.unplugGuest(plugged);
    note('starting again');
    for (const name of names) await world.start(`${tenant}/${name}`, host);
    const again = await readAllTables(world.lab);
    note('deleting');
    for (const name of names) world.times.add('delete', await world.api.deleteVm(tenant, name));
    const after = await readAllTables(world.lab);
    return [
      {
        what: `PUT of ${names.length} VMs`,
        expected: 'MAC and addresses, no flow',
        seen: `${mac}, ${addresses.join(', ')}`,
        ok: mac !== '' && addresses.length === 2,
      },
      {
        what: `started on ${host}`,
        expected: 'flows of their own',
        seen: `${flowsIn(started) - flowsIn(before)} flows on ${before.size} hosts`,
        ok: flowsIn(started) > flowsIn(before),
      },
      same(`acme/client-1 → ${guest}  tcp/8080 while it runs`, 'connected', running.outcome),
      same('the same after the stop hook', 'timeout', stopped.outcome),
      leftRow('flows, groups and meters left after the stop', before, afterStop),
      same('MAC and addresses after the stop', `${mac} ${addresses.join(' ')}`, addressesOf(kept)),
      {
        what: 'started once more',
        expected: 'flows of their own',
        seen: `${flowsIn(again) - flowsIn(before)} flows, the port not plugged`,
        ok: flowsIn(again) > flowsIn(before),
      },
      leftRow('flows, groups and meters left when deleted while running', before, after),
      await reuse(world, mac, addresses),
    ];
  },
};

async function createAll(world: World, note: Note): Promise<HookAnswer[]> {
  note('creating');
  const answers: HookAnswer[] = [];
  for (const name of names) answers.push(world.times.add('create', await world.api.createVm(tenant, name, document(name))));
  return answers;
}

const flowsIn = (tables: ReadonlyMap<string, SwitchTables>): number => [...tables.values()].reduce((sum, { flows }) => sum + flows.size, 0);

const addressesOf = ({ spec }: HookAnswer['vm']): string =>
  spec.interfaces.map(({ mac, addresses }) => `${mac} ${addresses.join(' ')}`).join(' ');

function leftRow(what: string, before: ReadonlyMap<string, SwitchTables>, after: ReadonlyMap<string, SwitchTables>): Row {
  const left = [...before].flatMap(([name, old]) => {
    const now = after.get(name);
    return now ? [...differences(old, now).gained, ...differences(old, now).lost.map((entry) => `lost ${entry}`)] : [];
  });
  return { what, expected: 'none', seen: left.length === 0 ? 'none' : `${left.length}: ${left[0]}`, ok: left.length === 0 };
}

/** Nobody holds the addresses any more: another VM may ask for just these. */
async function reuse(world: World, mac: string, addresses: readonly string[]): Promise<Row> {
  const name = 'heir';
  const begin = performance.now();
  const { interfaces } = await world.api.createVm(tenant, name, {
    ...document(name),
    spec: { hypervisor: 'kvm', interfaces: [{ name: 'eth0', network: 'front', addresses }] },
  });
  const elapsedMs = performance.now() - begin;
  await world.api.deleteVm(tenant, name);
  const given = interfaces[0]?.addresses ?? [];
  return {
    what: 'another VM asks for the same addresses',
    expected: 'gets them',
    seen: `${given.join(', ')} after ${spell(elapsedMs)}`,
    ok: given.join() === addresses.join() && interfaces[0]?.mac !== mac,
  };
}
