import { Worker } from 'node:worker_threads';
import type { ResourceLimits } from 'node:worker_threads';
import type { Exchange, Store, StoredOwnership } from '../../cluster/index.ts';
import { reasonOf, WeirError } from '../base/errors.ts';
import type { SwitchAccess, Tls } from '../config/index.ts';
import type { Counters, Read, Realized } from '../controller/ports.ts';
import type { Explain } from '../inquiry/ports.ts';
import { Channel } from './channel.ts';
import { flow } from './contract.ts';
import type { MainAnswers, Settings, SouthboundAnswers, SouthboundReadings, SwitchAddresses } from './contract.ts';
import { CommitFeed } from './feed.ts';

/** What the thread says of its own accord, and what is done for it. */
export type SouthboundHost = Pick<MainAnswers, 'event' | 'counted' | 'recorded' | 'recordsDropped' | 'register'>;

export interface SouthboundOptions extends SouthboundHost {
  readonly store: Store;
  readonly exchange: Exchange;
  readonly ownership: StoredOwnership;
  readonly switches: SwitchAccess;
  readonly counters: Settings['counters'];
  /** The last revision that this thread has seen: what is asked is answered by a state that has it too. */
  readonly revision: () => number;
  /** It ended without having been closed: nothing tells switches anything any more. */
  readonly onLost: (error: WeirError) => void;
  /** Absent: the program's own. */
  readonly entry?: SouthboundEntry;
}

export interface SouthboundEntry {
  readonly file: URL;
  readonly more?: unknown;
  readonly limits?: ResourceLimits;
}

/** All that has to do with switches, in a thread of its own. */
export interface Southbound {
  readonly addresses: SwitchAddresses;
  readonly realized: Realized;
  readonly read: Read;
  readonly counters: Counters;
  readonly explain: Explain;
  readings(): Promise<SouthboundReadings>;
  /** Certificates for connections to come. */
  renew(tls: Tls & { readonly ca: string }): void;
  /** Who waits for switches is answered at once, as not in time. */
  stopWaiting(): void;
  close(): Promise<void>;
}

/** Beyond the time that the asker waits. */
const graceMs = 5_000;
/** For the switches' answers to a refresh. */
const readingsMs = 2_000;
const endMs = 3_000;

type SouthboundChannel = Channel<SouthboundAnswers, MainAnswers>;

/** Settles when everything stored is compiled and switches can connect. */
export async function openSouthbound(options: SouthboundOptions): Promise<Southbound> {
  const { ownership, exchange, entry } = options;
  const settings: Settings = {
    switches: options.switches,
    counters: options.counters,
    id: exchange.id,
    ownership: ownership.view(),
    others: exchange.others(),
    more: entry?.more,
  };
  const worker = new Worker(entry?.file ?? new URL('thread.ts', import.meta.url), {
    workerData: settings,
    name: 'southbound',
    ...(entry?.limits && { resourceLimits: entry.limits }),
  });
  const ending = watchOver(worker, options.onLost, (reason) => channel.end(reason));
  const feed: CommitFeed = new CommitFeed({
    store: options.store,
    underwayBytesMax: flow.underwayBytesMax,
    commits: (told) => channel.tell('commits', told),
    ended: (told) => channel.tell('watchEnded', told),
  });
  const channel: SouthboundChannel = new Channel<SouthboundAnswers, MainAnswers>(worker, mainAnswers(options, feed));
  // The other thread knows who owns which switch, and who else there is.
  const stopMirroring = ownership.onChange((isWhole) =>
    channel.tell('ownership', { view: ownership.view(), others: exchange.others(), isWhole }),
  );
  const addresses = await channel.ask('open', null, Infinity).catch(async (error: unknown) => {
    ending.expect();
    stopMirroring();
    feed.stop();
    await worker.terminate();
    throw error;
  });
  exchange.answer('told', (from, body) => channel.ask('asked', { from, topic: 'told', body }));
  return {
    addresses,
    ...portsOf(channel, options.revision),
    readings: () => channel.ask('readings', null, readingsMs),
    renew: (tls) => channel.tell('renew', tls),
    stopWaiting: () => channel.tell('stopWaiting', null),
    close: async () => {
      ending.expect();
      stopMirroring();
      try {
        await channel.ask('close', null, Infinity).catch(unlessLost);
      } finally {
        feed.stop();
        await ending.ended(endMs);
      }
    },
  };
}

function mainAnswers({ store, exchange, ownership, ...host }: SouthboundOptions, feed: CommitFeed): MainAnswers {
  return {
    range: (request) => store.range(request),
    revisionAt: (wallMs) => store.revisionAt(wallMs),
    register: (asked) => host.register(asked),
    ask: ({ to, topic, body, timeoutMs }) => exchange.ask(to, topic, body, timeoutMs),
    watch: ({ since }) => feed.start(since),
    unwatch: () => feed.stop(),
    taken: ({ bytes }) => feed.taken(bytes),
    announce: (endpoints) => ownership.announce(endpoints),
    event: (event) => host.event(event),
    counted: (told) => host.counted(told),
    recorded: (records) => host.recorded(records),
    recordsDropped: (told) => host.recordsDropped(told),
  };
}

function portsOf(channel: SouthboundChannel, revision: () => number): Pick<Southbound, 'realized' | 'read' | 'counters' | 'explain'> {
  const since = <T>(asked: T) => ({ since: revision(), asked });
  return {
    realized: {
      waitRealized: (of, timeoutMs) => channel.ask('waitRealized', { revision: of, timeoutMs }, timeoutMs + graceMs),
      follow: (change) => channel.ask('follow', change, change.timeoutMs + graceMs),
    },
    read: {
      hosts: () => channel.ask('hosts', since(null)),
      effects: (all) => channel.ask('effects', since(all)),
    },
    counters: {
      ofRules: (ids) => channel.ask('ofRules', since(ids)),
      refresh: () => channel.ask('refresh', null),
    },
    explain: {
      explain: (question) => channel.ask('explain', since(question)),
      rule: (id, sees) => channel.ask('rule', since({ id, sees })),
    },
  };
}

/** One that is lost has nothing left to close. */
function unlessLost(error: unknown): void {
  if (!(error instanceof WeirError) || error.code !== 'southbound-lost') throw error;
}

interface Ending {
  /** From now on it may end. */
  expect(): void;
  /** Settles when it has, by itself or not. */
  ended(patienceMs: number): Promise<void>;
}

function watchOver(worker: Worker, onLost: (error: WeirError) => void, end: (reason: WeirError) => void): Ending {
  let isExpected = false;
  let reason = 'it ended by itself';
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.on('error', (error) => (reason = reasonOf(error)));
  worker.on('messageerror', (error) => {
    reason = reasonOf(error);
    void worker.terminate();
  });
  worker.on('exit', () => {
    resolve();
    const lost = new WeirError('southbound-lost', `the thread that speaks with switches ended: ${reason}`);
    end(lost);
    if (!isExpected) onLost(lost);
  });
  return {
    expect: () => (isExpected = true),
    ended: async (patienceMs) => {
      const timer = setTimeout(() => void worker.terminate(), patienceMs);
      await promise;
      clearTimeout(timer);
    },
  };
}
