import { setTimeout as pause } from 'node:timers/promises';
import { type Guest, type Lab, openTcp, type RunningPing, startPing, type TcpConnection } from '../../src/lab/index.ts';
import { until } from './weir-client.ts';

const intervalMs = 10;
/** Between two exchanges of a stream; less than this is lost by a stream that is cut. */
const exchangeMs = 20;
const exchangeTimeoutMs = 10_000;

/** A connection over which something is said, and answered, again and again. */
class Stream {
  exchanged = 0;
  /** Why it ended, when nobody ended it. */
  broken: string | undefined;
  readonly #connection: TcpConnection;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(connection: TcpConnection) {
    this.#connection = connection;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped && this.broken === undefined) {
      const { outcome } = await this.#connection.exchange(exchangeTimeoutMs);
      if (outcome === 'echoed') this.exchanged++;
      else this.broken = outcome;
      await pause(exchangeMs);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#connection.close();
  }
}

/** What it was like since it was last looked at. */
export interface Look {
  /** Echo requests without a reply, of each ping. */
  readonly lost: readonly number[];
  readonly answered: readonly number[];
  /** Of each stream: how often it was answered, or why it ended. */
  readonly streams: readonly (number | string)[];
}

/** An echo request every 10 ms, and an open TCP connection in use, between each of these pairs of guests. */
export class SteadyTraffic {
  readonly #pings: readonly RunningPing[];
  readonly #streams: readonly Stream[];
  #before: { readonly lost: readonly number[]; readonly answered: readonly number[]; readonly exchanged: readonly number[] };

  private constructor(pings: readonly RunningPing[], streams: readonly Stream[]) {
    this.#pings = pings;
    this.#streams = streams;
    this.#before = { lost: pings.map(() => 0), answered: pings.map(() => 0), exchanged: streams.map(() => 0) };
  }

  static async start(lab: Lab, pairs: readonly (readonly [from: Guest, to: Guest])[], port: number): Promise<SteadyTraffic> {
    const addressOf = (guest: Guest): string => guest.interfaces[0]?.addresses[0]?.address ?? '';
    const connections = await Promise.all(pairs.map(([from, to]) => openTcp(lab, from, { address: addressOf(to), port })));
    const pings = pairs.map(([from, to]) => startPing(lab, from, addressOf(to), { intervalMs }));
    const traffic = new SteadyTraffic(
      pings,
      connections.map((connection) => new Stream(connection)),
    );
    return traffic;
  }

  /** Returns when each ping was answered and each stream used so often since they were last looked at; one that was cut is not waited for. */
  async hasFlowed(times: number): Promise<void> {
    const { answered, exchanged } = this.#before;
    await until(
      () =>
        this.#pings.every((ping, at) => ping.answered - (answered[at] ?? 0) >= times) &&
        this.#streams.every((stream, at) => stream.broken !== undefined || stream.exchanged - (exchanged[at] ?? 0) >= times),
    );
  }

  /** Of all requests up to now. */
  async look(): Promise<Look> {
    const lost = await Promise.all(this.#pings.map(async (ping) => (await ping.lost()).length));
    const answered = this.#pings.map((ping) => ping.answered);
    const exchanged = this.#streams.map((stream) => stream.exchanged);
    const before = this.#before;
    this.#before = { lost, answered, exchanged };
    return {
      lost: lost.map((count, at) => count - (before.lost[at] ?? 0)),
      answered: answered.map((count, at) => count - (before.answered[at] ?? 0)),
      streams: this.#streams.map(({ broken, exchanged: count }, at) => broken ?? count - (before.exchanged[at] ?? 0)),
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#streams, ...this.#pings].map((each) => each.stop()));
  }
}
