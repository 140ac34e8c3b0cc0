import type { OvsdbConnection } from '../../flows/io/ovsdb.ts';
import { createGraph } from '../../policies/index.ts';
import type { HostChange } from '../../policies/compiled.ts';
import type { SpecOf } from '../../policies/model/index.ts';
import type { Exchange, Revision } from '../../cluster/index.ts';
import type { Committed, Snapshot } from '../admission/ports.ts';
import { Alarm } from './alarm.ts';
import { CoOwners } from './co-owners.ts';
import { openCounting } from './counters/index.ts';
import type { Counting, CountingOptions } from './counters/index.ts';
import { RuleOwners } from './counters/owners.ts';
import { Fleet } from './fleet.ts';
import type { FleetContext } from './fleet.ts';
import type { Host } from './host.ts';
import type { OpenFlowEnd, SwitchConnection } from '../../flows/io/openflow.ts';
import type { Intentions, Realized } from './ports.ts';
import { Realization } from './realization.ts';
import type { Schedule } from '../base/schedule.ts';
import { Realizer } from './realizer.ts';
import { Status } from './status.ts';
import { Telling } from './telling.ts';

export { checkpointFile } from './counters/index.ts';
export { guestMtuOn } from './guest-mtu.ts';

export interface ControllerOptions extends Omit<FleetContext, 'realization' | 'hostSpec' | 'ruleOwners' | 'progressed' | 'coOwners'> {
  /** To the other members. */
  readonly exchange: Exchange;
  readonly snapshot: () => Snapshot;
  readonly schedule: Schedule;
  readonly counters: Pick<CountingOptions, 'intervalMs' | 'checkpoint'>;
}

/** From what is committed to what switches do: the graph, the fleet, and who still owes what. */
export interface Controller {
  readonly realized: Realized;
  readonly status: Status;
  readonly intentions: Intentions;
  readonly counters: Counting;
  /** One commit, in revision order. */
  committed(commit: Committed): void;
  ovsdbConnected(connection: OvsdbConnection): void;
  openflowConnected(connection: SwitchConnection): void;
  /** @returns the host that it was, where that can be told */
  openflowEnded(end: OpenFlowEnd): string | undefined;
  /** Where switches find the members is something else now. */
  membersMoved(): void;
  /** Who waits for switches is answered at once, as not in time. */
  stopWaiting(): void;
  close(): void;
}

/** Compiles what is stored; from then on `committed` keeps it up to date. */
export function openController(options: ControllerOptions): Controller {
  const { snapshot } = options;
  const realization = new Realization(options.schedule);
  const hostSpec = (host: string): SpecOf<'Host'> | undefined => snapshot().get('Host', undefined, host)?.document.spec;
  const ruleOwners = new RuleOwners();
  const coOwners = new CoOwners(options.ownership, (revision) => telling.restricted(revision));
  const progressed = (host: Host): void => telling.progressed(host);
  const fleet: Fleet = new Fleet({ ...options, realization, hostSpec, ruleOwners, coOwners, progressed });
  const telling = new Telling({ ...options, fleet, realization, coOwners });
  const graph = createGraph();

  const status = new Status(fleet, snapshot);
  const realized = new Realizer(fleet, realization, status, snapshot, options.clock);

  const hand = (compile: () => readonly HostChange[], revision: Revision): void => {
    const startedMs = options.clock.nowMs();
    const qosMs = fleet.apply(compile(), revision);
    realized.compiled(revision, { overlayMs: options.clock.nowMs() - startedMs - qosMs, qosMs });
    realization.compiled(revision);
  };
  const minute = (): number => Math.floor(options.clock.wallMs() / 60_000);
  /** Schedules open and close without a commit: what they change belongs to the revision that stands. */
  const alarm = new Alarm(options.clock, options.schedule, () => {
    fleet.apply(graph.update(nothing, snapshot(), minute()), snapshot().revision, false);
    alarm.set(graph.dueAt());
  });
  hand(() => graph.load(snapshot(), minute()), snapshot().revision);
  alarm.set(graph.dueAt());

  const counters = openCounting({ ...options, ...options.counters, fleet, ruleOwners });

  const endOwnership = options.ownership.onChange((isWhole) => {
    fleet.ownershipChanged(isWhole);
    telling.ownershipChanged();
    fleet.membersMoved();
  });

  return {
    realized,
    counters,
    status,
    intentions: { of: (host) => fleet.hosts.get(host)?.intended },
    committed: (commit) => {
      hand(() => graph.update(commit, snapshot(), minute()), commit.revision);
      alarm.set(graph.dueAt());
      counters.committed(commit);
      fleet.documentsChanged(hostsIn(commit));
    },
    ovsdbConnected: (connection) => fleet.introduceOvsdb(connection),
    openflowConnected: (connection) => fleet.introduceOpenFlow(connection),
    openflowEnded: (end) => fleet.openflowEnded(end),
    membersMoved: () => fleet.membersMoved(),
    stopWaiting: () => realization.end(),
    close: () => {
      alarm.set(undefined);
      endOwnership();
      telling.close();
      fleet.close('the controller stops');
    },
  };
}

const nothing = { documents: [], numbers: [] } as const;

function hostsIn({ documents }: Committed): { readonly name: string; readonly isDeleted: boolean }[] {
  return documents.filter(({ id }) => id.kind === 'Host').map(({ id, after }) => ({ name: id.name, isDeleted: after === undefined }));
}
