import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemSchedule } from '../base/schedule.ts';
import { openFollower } from '../admission/follower.ts';
import type { Follower } from '../admission/follower.ts';
import { assert, type WeirError } from '../base/errors.ts';
import { LoopWatch } from '../base/loop-delay.ts';
import { Watermark } from '../base/watermark.ts';
import type { Clock } from '../base/clock.ts';
import type { Tls } from '../config/index.ts';
import { checkpointFile, guestMtuOn, openController } from '../controller/index.ts';
import type { Controller } from '../controller/index.ts';
import { openExplain } from '../inquiry/explain/explain.ts';
import type { Explain } from '../inquiry/ports.ts';
import { Recorder } from '../journal/index.ts';
import { Channel } from './channel.ts';
import type { Port } from './channel.ts';
import { flow } from './contract.ts';
import type { MainAnswers, Settings, Since, SouthboundAnswers, SwitchAddresses } from './contract.ts';
import { DistantStore } from './followed.ts';
import { addressesOf, listenForSwitches } from './listening.ts';
import { DistantExchange, OwnershipMirror } from './mirrors.ts';
import { PacketCounts } from './packet-counts.ts';

const countsMs = 100;

/** What runs once it is opened. */
interface Running {
  readonly controller: Controller;
  readonly explain: Explain;
  readonly addresses: SwitchAddresses;
  readonly renew: (tls: Tls & { readonly ca: string }) => void;
  close(): Promise<void>;
}

/**
 * The southbound thread, put together: what is stored is followed, compiled by the controller and carried out by the switches that connect
 * here. It ends when it was closed and nothing is left to do.
 */
export function runSouthbound(port: Port & { close(): void }, settings: Settings, clock: Clock): void {
  const loop = new LoopWatch();
  /** What the state of this thread has. Who asks it is patient, and not many. */
  const progress = new Watermark('revision');
  const counts = new PacketCounts(
    (told) => main.tell('counted', told),
    (flush) => systemSchedule(countsMs, flush),
  );
  let running: Running | undefined;
  const opened = (): Running => {
    assert(running, 'nothing is asked before it is opened');
    return running;
  };
  /** Once what the other thread had committed when it asked is compiled here. */
  const current =
    <T, A>(answer: (running: Running, asked: T) => A | Promise<A>) =>
    async ({ since, asked }: Since<T>): Promise<A> => {
      await progress.reached(since);
      return answer(opened(), asked);
    };
  const answers: SouthboundAnswers = {
    open: async () => {
      running = await open({ settings, clock, main, store, exchange, ownership, progress, counts });
      return running.addresses;
    },
    waitRealized: ({ revision, timeoutMs }) => opened().controller.realized.waitRealized(revision, timeoutMs),
    follow: (change) => opened().controller.realized.follow(change),
    hosts: current(({ controller }) => controller.status.hosts()),
    effects: current(({ controller }, all) => all.map((id) => controller.status.effectOf(id))),
    ofRules: current(({ controller }, ids) => controller.counters.ofRules(ids)),
    refresh: () => opened().controller.counters.refresh(),
    explain: current(({ explain }, question) => explain.explain(question)),
    rule: current(({ explain }, { id, sees }) => explain.rule(id, sees)),
    readings: () => {
      counts.flush();
      const { controller } = opened();
      return { hosts: controller.status.hosts(), counted: controller.counters.totals, loop: loop.read() };
    },
    asked: async (question) => exchange.asked(question),
    commits: (told) => store.told(told),
    watchEnded: (told) => store.ended(told),
    ownership: ({ view, others, isWhole }) => {
      exchange.othersAre(others);
      ownership.told(view, isWhole);
    },
    renew: (tls) => opened().renew(tls),
    stopWaiting: () => running?.controller.stopWaiting(),
    close: async () => {
      await running?.close();
      counts.flush();
      loop.close();
      // What was said before is still carried over.
      setImmediate(() => port.close());
    },
  };
  const main = new Channel<MainAnswers, SouthboundAnswers>(port, answers);
  const store = new DistantStore(main, flow.toldBytes, clock);
  const exchange = new DistantExchange(settings.id, settings.others, main);
  const ownership = new OwnershipMirror(settings.id, settings.ownership);
}

interface Parts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly main: Channel<MainAnswers, object>;
  readonly store: DistantStore;
  readonly exchange: DistantExchange;
  readonly ownership: OwnershipMirror;
  readonly progress: Watermark;
  readonly counts: PacketCounts;
}

async function open({ settings, clock, main, store, exchange, ownership, progress, counts }: Parts): Promise<Running> {
  const { switches } = settings;
  const follower: Follower = await openFollower({ store, clock, onEnd: lost });
  const snapshot = () => follower.snapshot();
  const recorder = new Recorder({
    snapshot,
    clock,
    schedule: systemSchedule,
    written: (records) => main.tell('recorded', records),
    dropped: () => main.tell('recordsDropped', { count: 1 }),
  });
  const listening = addressesOf(switches, ownership, (endpoints) => main.tell('announce', endpoints));
  const underlayMtu = switches.kind === 'off' ? undefined : switches.underlayMtu;
  const controller = openController({
    snapshot,
    schedule: systemSchedule,
    ownership,
    exchange,
    bridge: 'br-int',
    targets: listening.targets,
    registry: { register: (name, encapIp) => main.ask('register', { name, encapIp }) },
    clock,
    event: (event) => main.tell('event', event),
    logged: (packet, isLimited) => recorder.offer(packet, isLimited),
    counted: (host, kind, outcome) => counts.add(host, kind, outcome),
    counters: { intervalMs: settings.counters.intervalMs, checkpoint: checkpointFile(settings.counters.file) },
  });
  follower.onCommitted((commit) => {
    // First: what a new rule sends up must have a name.
    recorder.committed(commit);
    controller.committed(commit);
    progress.raise(commit.revision);
  });
  progress.raise(snapshot().revision);
  collectGarbage();
  const listener = await listenForSwitches(switches, controller, (event) => main.tell('event', event), clock);
  listening.bound(listener.ports);
  const explain = openExplain({
    snapshot,
    history: { at: (revision) => follower.at(revision), revisionAt: (wallMs) => store.revisionAt(wallMs) },
    read: controller.status,
    intentions: controller.intentions,
    counters: controller.counters,
    guestMtu: (host) => guestMtuOn(snapshot(), underlayMtu, host),
  });
  return {
    controller,
    explain,
    addresses: listener.addresses,
    renew: (tls) => listener.renew(tls),
    close: async () => {
      await controller.counters.close();
      await listener.close();
      controller.close();
      recorder.close();
      follower.close();
    },
  };
}

/** What is compiled here is of the past from now on: the thread ends of it, and with it the controller. */
function lost(reason: WeirError): never {
  throw reason;
}

/** What compiling left behind goes, and what stays moves together, before switches are let in: a thread that has little to do would keep both. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;
  collect({ type: 'major', flavor: 'last-resort' });
}
