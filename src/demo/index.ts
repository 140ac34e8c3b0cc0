import { reasonOf, WeirError } from '../base/errors.ts';
import { assertPrograms } from '../lab/index.ts';
import type { Act, Row } from './act.ts';
import { clusterShow } from './cluster/show.ts';
import type { ClusterSize } from './cluster/world.ts';
import { Report } from './report.ts';
import { loneShow, type Show } from './show.ts';
import { endLeftDemos, reclaimDemos } from './standing.ts';
import type { World } from './world.ts';

export interface DemoOptions {
  /** Leave Weir and the lab running. */
  readonly keep: boolean;
  /** Instead of a demo: end those that were left running. */
  readonly down: boolean;
  /** How many controllers; undefined: one, and what is shown is what it does. */
  readonly cluster: ClusterSize | undefined;
}

/** How the demo speaks, and how it is told to stop. */
export interface Stage {
  readonly write: (text: string) => void;
  readonly live: boolean;
  readonly colours: boolean;
}

const complaintsShown = 10;

/** Weir on real Open vSwitch, shown. The exit code is 0 only when everything was as expected. */
export async function runDemo({ keep, down, cluster }: DemoOptions, stage: Stage): Promise<0 | 1> {
  const report = new Report(stage);
  if (down) {
    const ended = await endLeftDemos();
    report.say(ended.length > 0 ? `ended: ${ended.join(', ')}` : 'no demo was left running');
    return 0;
  }
  assertPrograms(['ping', 'iperf3', 'perl']);
  return cluster === undefined ? perform(loneShow, keep, report) : perform(clusterShow(cluster), keep, report);
}

async function perform<W extends World>(show: Show<W>, keep: boolean, report: Report): Promise<0 | 1> {
  const interrupted = interruption();
  const standing = await reclaimDemos();
  report.title(show.title);
  if (standing.length > 0) report.say(`left running by an earlier demo: ${standing.join(', ')}; bin/weir demo --down ends it`);
  const world = await report.during('making the hypervisors', () => show.open(keep));
  const outcome = await Promise.race([play(show.acts, world, report), interrupted]);
  if (outcome === 'interrupted') {
    report.hush();
    // What the act that was cut off has under way fails when its world goes.
    process.on('unhandledRejection', () => undefined);
    await world.close();
    // The act that was cut off may wait for something that never comes.
    process.exit(130);
  }
  if (keep) await leave(show, world, report);
  else await report.during('taking everything down', () => world.close());
  return outcome;
}

async function play<W extends World>(acts: readonly Act<W>[], world: W, report: Report): Promise<0 | 1> {
  for (const [index, act] of acts.entries()) {
    const begin = performance.now();
    const rows = await report.during(act.title, (note) => playOne(act, world, note));
    report.act(index + 1, act.title, performance.now() - begin, rows);
    // Nothing can be shown on an empty stage.
    if (index === 0 && rows.some((row) => !row.ok)) break;
  }
  report.hooks(world.times.table());
  if (report.failed > 0) report.complaints(complaintsOf(world));
  report.end();
  return report.failed === 0 ? 0 : 1;
}

function complaintsOf({ controllers }: World): string[] {
  const each = Math.ceil(complaintsShown / controllers.size);
  return [...controllers].flatMap(([name, controller]) => controller.complaints(each).map((line) => `${name}  ${line}`));
}

/** An act that cannot be played to its end is a difference like any other. */
export async function playOne<W extends World>(act: Act<W>, world: W, note: (text: string) => void): Promise<readonly Row[]> {
  try {
    return await act.play(world, note);
  } catch (error) {
    const code = error instanceof WeirError ? `${error.code}: ` : '';
    return [{ what: 'the act', expected: 'is played to its end', seen: code + reasonOf(error).replaceAll(/\s+/g, ' '), ok: false }];
  }
}

async function leave<W extends World>(show: Show<W>, world: W, report: Report): Promise<void> {
  await world.keep();
  report.say('');
  report.title('Left running');
  for (const line of show.left(world)) report.say(line);
  report.say(`   the lab      bin/weir lab show --name ${world.lab.name}`);
  report.say(`   a guest      ip netns exec ${world.guest('acme/web-1').netns} ping ${world.address('acme/web-2')}`);
  const host = world.lab.host('hv1');
  report.say(`   a switch     OVS_RUNDIR=${host.directory} ovs-ofctl -O OpenFlow15 dump-flows br-int`);
  report.say('   end it       bin/weir demo --down');
}

/** Settles at the first signal. Later ones change nothing: everything is being taken down. */
function interruption(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('interrupted'));
  });
}
