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

/** How late an event loop was since the last reading, in seconds. */
interface LoopReading {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface SouthboundReading {
  readonly hosts: readonly SwitchReading[];
  /** By all rules together: one line for each of them would be too many. */
  readonly counted: Readonly<Record<keyof typeof ruleMetrics, number>>;
  readonly loop: LoopReading;
}

export interface Readings {
  /** The last committed revision. */
  readonly revision: () => number;
  /** Of the thread of the store and the API. */
  readonly loop: () => LoopReading;
  /** Rejects when it takes too long: then a scrape goes without. */
  readonly southbound: () => Promise<SouthboundReading>;
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
  const southbound = oncePerScrape(readings.southbound);
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
      async collect() {
        const read = await southbound();
        if (!read) return;
        this.reset();
        this.inc(read.counted[field as keyof typeof ruleMetrics]);
      },
    });
    registry.registerMetric(counter);
  }
  for (const metric of switchMetrics) registry.registerMetric(switchMetric(metric, southbound));
  registry.registerMetric(loopMetric(readings, southbound));
}

type ReadSouthbound = () => Promise<SouthboundReading | undefined>;

/** All metrics of a scrape are collected in one turn: one question answers them. */
function oncePerScrape(read: Readings['southbound']): ReadSouthbound {
  let underWay: Promise<SouthboundReading | undefined> | undefined;
  return () =>
    (underWay ??= read()
      .catch(() => undefined)
      .finally(() => (underWay = undefined)));
}

function switchMetric(metric: SwitchMetric, southbound: ReadSouthbound): Gauge | Counter {
  const common = { name: metric.name, help: metric.help, labelNames: ['host'], registers: [] };
  switch (metric.kind) {
    case 'gauge':
      return new Gauge({
        ...common,
        async collect() {
          const read = await southbound();
          this.reset();
          for (const host of read?.hosts ?? []) this.set({ host: host.name }, metric.read(host));
        },
      });
    case 'counter':
      return new Counter({
        ...common,
        async collect() {
          const read = await southbound();
          this.reset();
          for (const host of read?.hosts ?? []) this.inc({ host: host.name }, metric.read(host));
        },
      });
  }
}

function loopMetric({ loop }: Readings, southbound: ReadSouthbound): Gauge {
  return new Gauge({
    name: 'weir_event_loop_delay_seconds',
    help: 'How late the event loop of a thread was since the last scrape; quantile 1 is the most',
    labelNames: ['thread', 'quantile'],
    registers: [],
    async collect() {
      const own = loop();
      const read = await southbound();
      this.reset();
      for (const [thread, delay] of [['main', own] as const, ['southbound', read?.loop] as const]) {
        if (!delay) continue;
        this.set({ thread, quantile: '0.5' }, delay.p50);
        this.set({ thread, quantile: '0.99' }, delay.p99);
        this.set({ thread, quantile: '1' }, delay.max);
      }
    },
  });
}
