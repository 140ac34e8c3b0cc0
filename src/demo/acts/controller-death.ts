import { connectTcp } from '../../lab/index.ts';
import { type Act, delay, type Row, same, within } from '../act.ts';
import { startPings } from '../passing.ts';
import { readAllTables, unchangedRows } from '../switch-tables.ts';
import { tapWire, tapWires } from '../wiretap.ts';
import type { LoneWorld } from '../lone-world.ts';
import type { World } from '../world.ts';

const aloneMs = 700;
const startMsMax = 10_000;
/** ovsdb-server asks for its manager after 1, 2, 4 and then every 8 seconds. */
const returnMsMax = 10_000;
/** Long enough after the last switch is back that something sent late would show. */
const afterwardsMs = 700;

/**
 * That nothing is sent is not taken from Weir: `ovs-ofctl snoop` hears every OpenFlow message, and in the dumps from before and
 * after no flow may be other, missing, or younger than it was.
 */
export const controllerDeath: Act<LoneWorld> = {
  title: 'The controller is killed with kill -9 and started again under a 10 ms ping',
  async play(world, note) {
    const { lab, controller } = world;
    const tables = await readAllTables(lab);
    const taps = await tapWires(lab);
    const pings = startPings(world);
    await delay(300);
    note(`kill -9 ${controller.pid}`);
    const killedAtMs = Date.now();
    await controller.kill();
    await delay(aloneMs);
    const alone = await connectTcp(lab, world.guest('acme/web-1'), { address: world.address('acme/db-1'), port: 5432 });
    note('starting it again');
    const begin = performance.now();
    await world.startController();
    const listening = performance.now();
    await world.awaitRealized();
    const realized = performance.now();
    await delay(afterwardsMs);
    const losses = await pings.stop();
    const heard = await taps.stop();
    const resyncs = controller.events('resynced', killedAtMs);
    return [
      ...losses,
      same('a new connection while no controller runs', 'connected', alone.outcome),
      within('started again, from its own disk', startMsMax, listening - begin, 'listens after'),
      within('every switch connected and realized', returnMsMax, realized - listening, 'after'),
      {
        what: 'changes of flows, groups and meters heard on the wire',
        expected: 'none',
        seen: `${heard.changes.length === 0 ? 'none' : heard.changes.length} among ${heard.messages} messages`,
        // A tap that heard nothing at all proves nothing.
        ok: heard.changes.length === 0 && heard.messages > 0,
      },
      ...unchangedRows(tables, await readAllTables(lab)),
      {
        what: 'flows that Weir itself says it sent',
        expected: '0 to each switch',
        seen: resyncs.map(({ host, flowsSent }) => `${flowsSent} to ${host}`).join(', '),
        ok: resyncs.length === lab.hosts.size && resyncs.every(({ flowsSent }) => flowsSent === 0),
      },
      await control(world),
    ];
  },
};

/** The ear is not deaf: it hears the change that a policy makes. */
async function control(world: World): Promise<Row> {
  const path = '/v1/tenants/globex/policies/passing-by';
  const tap = await tapWire(world.lab, 'hv1');
  await world.api.put(path, {
    kind: 'Policy',
    metadata: { name: 'passing-by', tenant: 'globex' },
    spec: { ingress: [{ action: 'allow' }] },
  });
  await world.api.remove(path);
  await delay(100);
  const { changes } = await tap.stop();
  return {
    what: 'the same ear while a policy comes and goes',
    expected: 'hears changes',
    seen: `${changes.length} on hv1`,
    ok: changes.length > 0,
  };
}
