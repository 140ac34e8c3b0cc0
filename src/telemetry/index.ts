import { eventLevel, type Event } from './events.ts';
import { openLogger, type Logger, type LogLevel } from './logger.ts';
import { openMetrics, type Metrics, type MetricsRegistry } from './metrics.ts';

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

export function telemetryOf(log: Logger, registry: MetricsRegistry): Telemetry {
  return {
    log,
    metrics: registry.metrics,
    registry,
    event(event) {
      const { kind, ...fields } = event;
      log[eventLevel[kind]]({ event: kind, ...fields }, kind.replaceAll('-', ' '));
      registry.metrics.events.add({ kind });
    },
  };
}
