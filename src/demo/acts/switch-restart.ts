import { connectTcp, startPing } from '../../lab/index.ts';
import { type Act, delay, same, spell } from '../act.ts';
import { differences, readTables } from '../switch-tables.ts';

const host = 'hv2';
const pauseMsMax = 2000;

/** A switch that starts again has no flows at all: until Weir has filled it nothing passes, and then all of it. */
export const switchRestart: Act = {
  title: `ovs-vswitchd of ${host} is killed and started again`,
  async play(world, note) {
    const { lab } = world;
    const before = await readTables(lab, host);
    const ping = startPing(lab, world.guest('acme/web-1'), world.address('acme/web-2'));
    const other = startPing(lab, world.guest('acme/web-1'), world.address('acme/db-1'));
    await delay(300);
    note('kill -9, then start');
    await lab.stopVswitchd(host, 'kill');
    const begin = performance.now();
    await lab.startVswitchd(host);
    const started = performance.now();
    await world.awaitRealized();
    const realized = performance.now();
    await delay(500);
    const [report, untouched] = await Promise.all([ping.stop(), other.stop()]);
    const { gained, lost } = differences(before, await readTables(lab, host));
    const web = { address: world.address('acme/web-2'), port: 8080 };
    const db = { address: world.address('globex/bulk-1'), port: 25 };
    const [allowed, denied] = await Promise.all([
      connectTcp(lab, world.guest('acme/client-1'), web),
      connectTcp(lab, world.guest('globex/web-1'), db, 500),
    ]);
    return [
      {
        what: '10 ms ping acme/web-1 → acme/web-2, which is on it',
        expected: `again within ${spell(pauseMsMax)}`,
        seen: `pause of ${spell(report.gapMsMax)}, ${report.missing.length} of ${report.sent} lost`,
        ok: report.gapMsMax <= pauseMsMax && report.received > 0,
        isPace: true,
      },
      {
        what: 'the same to acme/db-1, which is not on it',
        expected: 'no packet lost',
        seen: `${untouched.missing.length} of ${untouched.sent} lost`,
        ok: untouched.missing.length === 0,
      },
      {
        what: 'the switch starts, then Weir fills it',
        expected: 'every flow is back',
        seen: `${before.flows.size} flows; started ${spell(started - begin)}, filled ${spell(realized - started)} later`,
        ok: gained.length === 0 && lost.length === 0,
      },
      same('acme/client-1 → acme/web-2  tcp/8080 afterwards', 'connected', allowed.outcome),
      same('globex/web-1 → globex/bulk-1  tcp/25 afterwards', 'timeout', denied.outcome),
    ];
  },
};
