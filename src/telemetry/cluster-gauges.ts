import { Gauge, type Registry } from 'prom-client';

/** The cluster as this member sees it. */
interface View {
  readonly term: number;
  readonly leader: string | null;
  readonly from: string;
  readonly commit: number;
  readonly applied: number;
  readonly members: readonly { readonly id: string; readonly role: string; readonly reachable: boolean }[];
}

export interface ClusterReadings {
  readonly ready: () => boolean;
  /** False while switches have found other members, and not this one. */
  readonly found: () => boolean;
  /** Undefined where etcd keeps it. */
  readonly view: () => View | undefined;
  /** By what they are for: when a certificate ends. */
  readonly certificatesEndMs: () => ReadonlyMap<string, number>;
}

const viewMetrics: readonly { readonly name: string; readonly help: string; readonly read: (view: View) => number }[] = [
  { name: 'weir_cluster_leader', help: '1 at the member that leads', read: ({ leader, from }) => Number(leader === from) },
  { name: 'weir_cluster_leader_known', help: '1 while the member knows a leader', read: ({ leader }) => Number(leader !== null) },
  { name: 'weir_cluster_term', help: 'Term of the consensus: goes up by an election', read: ({ term }) => term },
  { name: 'weir_cluster_commit_index', help: 'Last entry of the log that is committed', read: ({ commit }) => commit },
  { name: 'weir_cluster_applied_index', help: 'Last entry of the log that is carried out', read: ({ applied }) => applied },
  {
    name: 'weir_cluster_voters',
    help: 'Members that vote',
    read: ({ members }) => members.filter(({ role }) => role === 'voter').length,
  },
];

/** Reads at the moment of each scrape. */
export function collectClusterReadings(registry: Registry, { ready, found, view, certificatesEndMs }: ClusterReadings): void {
  const register = (name: string, help: string, labelNames: readonly string[], collect: (gauge: Gauge) => void): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [],
      collect() {
        this.reset();
        collect(this);
      },
    });
    registry.registerMetric(gauge);
  };
  register('weir_ready', '1 while requests can be served', [], (gauge) => gauge.set(Number(ready())));
  register('weir_cluster_found_by_switches', '0 while switches have found other members, and not this one', [], (gauge) =>
    gauge.set(Number(found())),
  );
  for (const { name, help, read } of viewMetrics)
    register(name, help, [], (gauge) => {
      const seen = view();
      if (seen !== undefined) gauge.set(read(seen));
    });
  register('weir_cluster_member_reachable', '1 while this member has a connection to the other', ['member'], (gauge) => {
    for (const { id, reachable } of view()?.members ?? []) gauge.set({ member: id }, Number(reachable));
  });
  register('weir_certificate_expiry_timestamp_seconds', 'When a certificate that is in use ends', ['use'], (gauge) => {
    for (const [use, endMs] of certificatesEndMs()) gauge.set({ use }, Math.floor(endMs / 1000));
  });
}
