import type { Lab } from '../lab/index.ts';
import { delay } from './act.ts';
import { openEar } from './ear.ts';

/** Flows that were added, changed or deleted on any switch, by whomever. */
export interface FlowMonitor {
  /** So many so far. */
  readonly heard: number;
  stop(): Promise<readonly string[]>;
}

const settleMs = 200;

/** Has every switch tell of each change of its flows, as a flow monitor of its own: whose connection it came by does not matter. */
export async function monitorFlows(lab: Lab): Promise<FlowMonitor> {
  const ears = [...lab.hosts.keys()].map((host) =>
    openEar(lab, host, ['ovs-ofctl', '-O', 'OpenFlow14', 'monitor', 'br-int', 'watch:!initial']),
  );
  await delay(settleMs);
  return {
    get heard() {
      return ears.flatMap(({ text }) => flowEvents(text)).length;
    },
    stop: async () => (await Promise.all(ears.map((ear) => ear.stop()))).flatMap(flowEvents),
  };
}

/** Of what `ovs-ofctl monitor` says; a complaint of its own is no silence. */
export function flowEvents(text: string): readonly string[] {
  return text.split('\n').filter((line) => /\bevent=(ADDED|DELETED|MODIFIED|ABBREV)\b/.test(line) || line.startsWith('ovs-ofctl:'));
}
