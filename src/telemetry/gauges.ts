import { Counter, Gauge, type Registry } from 'prom-client';

/** One switch as the metrics show it. */
interface SwitchReading {
  readonly name: string;
  readonly connected: boolean;
  readonly ovsdb: boolean;
  readonly realizedRevision: number;
  readonly flows: number;
  readonly driftRepaired: number;
  readonly errors: readonly unknown[];
}

export interface Readings {
  /** The last committed revision. */
  revision(): number;
  hosts(): readonly SwitchReading[];
  /** By all rules together: one line for each of them would be too many. */
  counted(): Readonly<Record<keyof typeof ruleMetrics, number>>;
}

const ruleMetrics = {
  packets: { name: 'weir_rules_packets_total', help: 'Packets that rules have decided, each side of a connection for itself' },
  bytes: { name: 'weir_rules_bytes_total', help: 'Bytes that rules have decided' },
  connections: { name: 'weir_rules_connections_total', help: 'Connections that rules have let in or refused' },
} as const;

type SwitchMetric = { readonly name: string; readonly help: string; readonly kind: 'gauge' | 'counter'; read(host: SwitchReading): number };

const switchMetrics: readonly SwitchMetric[] = [
  { kind: 'gauge', name: 'weir_switch_openflow_up', help: '1 while the OpenFlow session stands', read: (host) => Number(host.connected) },
  { kind: 'gauge', name: 'weir_switch_ovsdb_up', help: '1 while the OVSDB session stands', read: (host) => Number(host.ovsdb) },
  {
    kind: 'gauge',
    name: 'weir_switch_realized_revision',
    help: 'Highest revision that the switch carries out',
    read: (host) => host.realizedRevision,
  },
  { kind: 'gauge', name: 'weir_switch_flows', help: 'Flows installed', read: (host) => host.flows },
  { kind: 'gauge', name: 'weir_switch_errors', help: 'OpenFlow errors that stand against resources', read: (host) => host.errors.length },
  {
    kind: 'counter',
    name: 'weir_switch_drift_repaired_total',
    help: 'Flows that somebody else changed and that were put right',
    read: (host) => host.driftRepaired,
  },
];

/** Reads at the moment of each scrape, so that a host that left leaves no line behind. */
export function collectReadings(registry: Registry, readings: Readings): void {
  const revision = new Gauge({
    name: 'weir_store_revision',
    help: 'Last committed revision',
    registers: [],
    collect() {
      this.set(readings.revision());
    },
  });
  registry.registerMetric(revision);
  for (const [field, metric] of Object.entries(ruleMetrics)) {
    const counter = new Counter({
      ...metric,
      registers: [],
      collect() {
        this.reset();
        this.inc(readings.counted()[field as keyof typeof ruleMetrics]);
      },
    });
    registry.registerMetric(counter);
  }
  for (const metric of switchMetrics) registry.registerMetric(switchMetric(metric, readings));
}

function switchMetric(metric: SwitchMetric, readings: Readings): Gauge | Counter {
  const common = { name: metric.name, help: metric.help, labelNames: ['host'], registers: [] };
  switch (metric.kind) {
    case 'gauge':
      return new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const host of readings.hosts()) this.set({ host: host.name }, metric.read(host));
        },
      });
    case 'counter':
      return new Counter({
        ...common,
        collect() {
          this.reset();
          for (const host of readings.hosts()) this.inc({ host: host.name }, metric.read(host));
        },
      });
  }
}
