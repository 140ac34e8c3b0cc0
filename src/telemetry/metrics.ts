import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * Every metric that the program counts while it runs, in one list. What can be read at the moment of asking (switches,
 * revisions) is collected then: see `gauges.ts`.
 */
const declared = {
  apiRequests: { kind: 'counter', name: 'weir_api_requests_total', help: 'HTTP requests answered', labels: ['method', 'route', 'status'] },
  apiSeconds: {
    kind: 'histogram',
    name: 'weir_api_request_seconds',
    help: 'Time from the request to the end of its answer',
    labels: ['method', 'route'],
    buckets: [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.03, 0.1, 0.3, 1, 5, 30],
  },
  watchers: { kind: 'gauge', name: 'weir_api_watchers', help: 'Open watch streams', labels: [] },
  watchersCut: {
    kind: 'counter',
    name: 'weir_api_watchers_cut_total',
    help: 'Watch streams ended because the reader was too slow',
    labels: [],
  },
  peerCuts: { kind: 'counter', name: 'weir_peer_cuts_total', help: 'Connections of switches that were cut, by reason', labels: ['code'] },
  openflowErrors: {
    kind: 'counter',
    name: 'weir_openflow_errors_total',
    help: 'OpenFlow errors, by host and by type and code',
    labels: ['host', 'error'],
  },
  raisedPackets: {
    kind: 'counter',
    name: 'weir_raised_packets_total',
    help: 'Packets that switches sent up, to be rejected or logged, by what became of them',
    labels: ['host', 'kind', 'outcome'],
  },
  logRecords: {
    kind: 'counter',
    name: 'weir_policy_log_records_total',
    help: 'Records that rules with `log` asked for, written or dropped',
    labels: ['outcome'],
  },
  events: { kind: 'counter', name: 'weir_events_total', help: 'Events by kind', labels: ['kind'] },
} as const satisfies Record<string, Declaration>;

type Declaration =
  | { kind: 'counter' | 'gauge'; name: string; help: string; labels: readonly string[] }
  | { kind: 'histogram'; name: string; help: string; labels: readonly string[]; buckets: readonly number[] };

type Declared = typeof declared;
type Labels<D extends Declaration> = Readonly<Record<D['labels'][number], string>>;
type MetricOf<D extends Declaration> = D['kind'] extends 'counter'
  ? { add(labels: Labels<D>, amount?: number): void }
  : D['kind'] extends 'gauge'
    ? { set(labels: Labels<D>, value: number): void }
    : { observe(labels: Labels<D>, value: number): void };

export type Metrics = { readonly [Name in keyof Declared]: MetricOf<Declared[Name]> };

export interface MetricsRegistry {
  readonly metrics: Metrics;
  readonly registry: Registry;
  readonly contentType: string;
  /** The Prometheus text format. */
  expose(): Promise<string>;
}

/** `processMetrics`: also memory, CPU and event loop lag of this process. */
export function openMetrics(options: { readonly processMetrics: boolean }): MetricsRegistry {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const opened = Object.entries(declared).map(([name, declaration]) => [name, openMetric(registry, declaration)]);
  return {
    metrics: Object.fromEntries(opened) as Metrics,
    registry,
    contentType: registry.contentType,
    expose: () => registry.metrics(),
  };
}

function openMetric(registry: Registry, declaration: Declaration): object {
  const common = { name: declaration.name, help: declaration.help, labelNames: [...declaration.labels], registers: [registry] };
  switch (declaration.kind) {
    case 'counter': {
      const counter = new Counter(common);
      return { add: (labels: Record<string, string>, amount = 1) => counter.inc(labels, amount) };
    }
    case 'gauge': {
      const gauge = new Gauge(common);
      return { set: (labels: Record<string, string>, value: number) => gauge.set(labels, value) };
    }
    case 'histogram': {
      const histogram = new Histogram({ ...common, buckets: [...declaration.buckets] });
      return { observe: (labels: Record<string, string>, value: number) => histogram.observe(labels, value) };
    }
  }
}
