import { systemClock, type Clock } from '../base/clock.ts';
import { Seldom } from '../base/seldom.ts';
import { eventLevel, type Event } from './events.ts';
import { openLogger, type Logger, type LogLevel } from './logger.ts';
import { openMetrics, type Metrics, type MetricsRegistry } from './metrics.ts';

export { collectClusterReadings } from './cluster-gauges.ts';
export { collectReadings } from './gauges.ts';
export { silentLogger } from './logger.ts';

/** Handed to whoever needs it; no module keeps one of its own. */
export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly registry: MetricsRegistry;
  /** Logs and counts. */
  event(event: Event): void;
}

export function openTelemetry(options: { readonly logLevel: LogLevel; readonly processMetrics: boolean }): Telemetry {
  return telemetryOf(openLogger(options.logLevel), openMetrics({ processMetrics: options.processMetrics }));
}

/** Who finds no place comes again at once. */
const crowdedMs = 60_000;

export function telemetryOf(log: Logger, registry: MetricsRegistry, clock: Pick<Clock, 'nowMs'> = systemClock): Telemetry {
  const crowded = new Seldom(crowdedMs, clock);
  return {
    log,
    metrics: registry.metrics,
    registry,
    event(event) {
      const { kind, ...fields } = event;
      const times = event.kind === 'peer-cut' && event.code === 'too-many' ? crowded.times(event.reason) : 1;
      if (times !== undefined) log[eventLevel[kind]]({ event: kind, ...fields, ...(times > 1 && { times }) }, kind.replaceAll('-', ' '));
      registry.metrics.events.add({ kind });
      if (event.kind === 'peer-cut') registry.metrics.peerCuts.add({ code: event.code });
      if (event.kind === 'openflow-error') {
        const { host, error, count = 1 } = event;
        registry.metrics.openflowErrors.add({ host, error: errorName(error) }, count);
      }
    },
  };
}

/** Type and code as OpenFlow names them. Any other text counts as one, so that a switch cannot make metrics without end. */
function errorName(error: string): string {
  return /\bOFPET_[A-Z_]+\/[A-Z]+_[A-Z_]+\b/.exec(error)?.[0] ?? 'other';
}
