import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WeirError } from '../../src/base/errors.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { Overrides } from '../../src/config/index.ts';
import type { SouthboundEntry } from '../../src/southbound/index.ts';
import { telemetryOf } from '../../src/telemetry/index.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { Weir } from '../../src/weir.ts';
import { startWeir } from '../../src/weir.ts';
import { freePorts } from './ports.ts';
import type { SharedClock } from './shared-clock.ts';
import { WeirClient } from './weir-client.ts';
import type { LogLine } from './weir-process.ts';

/** `file`: a configuration; without it switches come over plain TCP. `ca`: signed what the API shows. */
export interface RunOptions {
  readonly file?: string;
  readonly token?: string;
  readonly ca?: string;
  /** Absent: the system's. */
  readonly clock?: SharedClock;
  readonly southbound?: SouthboundEntry;
  readonly onLost?: (error: WeirError) => void;
}

function recorder(lines: LogLine[]): Logger {
  const log = (level: string) => (fields: object, message: string) => void lines.push({ ...fields, level, message });
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'), child: () => recorder(lines) };
}

const thrown = (error: WeirError): never => {
  throw error;
};

/** The whole program in this process, on free ports, with a store of its own; its log and metrics are there to be read. */
export class RunningWeir extends WeirClient {
  readonly log: LogLine[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'weir-run-'));
  /** For switches: OpenFlow, and OVSDB. */
  readonly #ports: readonly number[];
  readonly #overrides: Overrides;
  readonly #file: string | undefined;
  readonly #clock: SharedClock | undefined;
  readonly #southbound: SouthboundEntry | undefined;
  readonly #onLost: (error: WeirError) => void;
  #weir: Weir | undefined;

  private constructor(overrides: Overrides, options: RunOptions, ports: readonly number[]) {
    super(options);
    this.#ports = ports;
    this.#overrides = overrides;
    this.#file = options.file;
    this.#clock = options.clock;
    this.#southbound = options.southbound;
    this.#onLost = options.onLost ?? thrown;
  }

  static async start(overrides: Overrides = {}, options: RunOptions = {}): Promise<RunningWeir> {
    const running = new RunningWeir(overrides, options, await freePorts(2));
    await running.resume();
    return running;
  }

  /** The same store, listening where it did before. */
  async resume(): Promise<void> {
    const { openflow = '0.0.0.0:0', ovsdb = '0.0.0.0:0' } = this.#overrides;
    const [openflowPort, ovsdbPort] = this.#ports;
    const insecure = this.#file === undefined ? { insecureSwitches: true } : {};
    const config = loadConfig({
      file: this.#file,
      flags: {
        data: this.#directory,
        ...insecure,
        listen: '127.0.0.1:0',
        ...this.#overrides,
        openflow: openflow.replace(/:0$/, `:${openflowPort}`),
        ovsdb: ovsdb.replace(/:0$/, `:${ovsdbPort}`),
      },
      environment: {},
      workingDirectory: this.#directory,
    });
    const telemetry = telemetryOf(recorder(this.log), openMetrics({ processMetrics: false }));
    this.#weir = await startWeir(config, telemetry, '0.0.0', {
      onLost: this.#onLost,
      ...(this.#southbound && { southbound: this.#southbound }),
      ...(this.#clock && {
        clock: this.#clock,
        southbound: { file: new URL('southbound-thread.ts', import.meta.url), more: this.#clock.shared },
      }),
    });
  }

  async pause(): Promise<void> {
    await this.#weir?.close();
  }

  async stop(): Promise<void> {
    await this.pause();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get url(): string {
    return this.#weir?.addresses.api ?? '';
  }

  get openflowPort(): number {
    return Number(this.#weir?.addresses.openflow?.split(':').at(-1));
  }

  get ovsdbPort(): number {
    return Number(this.#weir?.addresses.ovsdb?.split(':').at(-1));
  }

  events(kind: string, host?: string): LogLine[] {
    return this.log.filter((line) => line['event'] === kind && (host === undefined || line['host'] === host));
  }
}
