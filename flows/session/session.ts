import { assert, WeirError } from '../../src/base/errors.ts';
import { bundleReplyOf } from '../openflow/index.ts';
import type { Message, MessageOf, Version } from '../openflow/index.ts';
import type { Attachment, Reconciler } from '../reconcile/index.ts';
import type { PacketIn, SessionEffect, SessionEvent } from './events.ts';
import { Handshake } from './handshake.ts';
import { Installer } from './installer.ts';
import type { InstallerCounts } from './installer.ts';
import { sessionLimits } from './limits.ts';
import type { SessionLimits } from './limits.ts';
import { Mirror } from './mirror.ts';
import { packetIn2From, packetInFrom } from './packet-in.ts';
import type { SwitchPort } from './port.ts';
import { RateLimit } from './rate-limit.ts';
import { Closure } from './reasons.ts';
import { Readings } from './readings.ts';
import { Requests } from './requests.ts';
import type { SwitchError } from './requests.ts';
import { ZoneFlushes } from './zone-flushes.ts';

/**
 * What the session awaits. It goes down this list; every wait is bounded and ends the connection with its reason.
 *
 * | state | awaits | then sends | and becomes |
 * | --- | --- | --- | --- |
 * | idle | `connected` | hello | greeting |
 * | greeting | hello with a common version | ROLE SLAVE, features request | joining |
 * | joining | features, role reply (STALE: asks for the generation, and SLAVE again) | | following |
 * | following | `own` | ROLE MASTER | claiming |
 * | claiming | role reply | configuration, flow monitor, listings of ports, meters, groups, flows | listing |
 * | | an error: stale, refused | | following |
 * | listing | the last part of each listing | the difference | steady |
 * | steady | changes of the desire, monitor updates, polls | bundles | |
 * | listing, steady | loss of the role | | following |
 * | closed | nothing | | |
 */
export type SessionState = 'idle' | 'greeting' | 'joining' | 'following' | 'claiming' | 'listing' | 'steady' | 'closed';

export interface SessionCounts extends InstallerCounts {
  messages: number;
  packetInsDropped: number;
  monitorPauses: number;
  audits: number;
  configDrift: number;
  /** By name. */
  errors: Readonly<Record<string, number>>;
}

const versionNames = { 4: '1.3', 5: '1.4', 6: '1.5' } as const satisfies Record<Version, string>;

interface Claim {
  readonly reconciler: Reconciler;
  readonly generationId: bigint;
}

/** What a master has; gone with the role. */
interface Ownership extends Claim {
  readonly attachment: Attachment;
  readonly installer: Installer;
  readonly mirror: Mirror;
  realized: number | undefined;
  wasKnown: boolean;
}

/**
 * One connection to one switch, without effects: an event and the monotonic time go in, effects come out, and the bytes to send are
 * taken from `take`. What the switch should have lives in a `Reconciler` outside, which outlives the connection.
 */
export class Session {
  readonly #limits: SessionLimits;
  readonly #requests: Requests;
  readonly #messageRate: RateLimit;
  readonly #packetInRate: RateLimit;
  readonly #zoneFlushes: ZoneFlushes;
  readonly #readings: Readings;
  readonly #errors: Record<string, number> = {};
  #state: SessionState = 'idle';
  #effects: SessionEffect[] = [];
  #handshake: Handshake | undefined;
  #claim: (Claim & { readonly xid: number; readonly sinceMs: number }) | undefined;
  #ownership: Ownership | undefined;
  #installed: InstallerCounts | undefined;
  #startedMs = 0;
  #heardMs = 0;
  #hasProbed = false;
  #messages = 0;
  #packetInsDropped = 0;

  constructor(limits: Partial<SessionLimits> = {}) {
    this.#limits = { ...sessionLimits, ...limits };
    this.#requests = new Requests(this.#limits);
    this.#messageRate = new RateLimit(this.#limits.messagesPerSecondMax, this.#limits.messagesPerSecondMax * 2);
    this.#packetInRate = new RateLimit(this.#limits.packetInsPerSecondMax, this.#limits.packetInsPerSecondMax);
    this.#zoneFlushes = new ZoneFlushes(this.#requests, this.#limits, this.#report);
    this.#readings = new Readings(this.#requests, this.#limits, this.#report);
  }

  get state(): SessionState {
    return this.#state;
  }

  get ports(): ReadonlyMap<number, SwitchPort> {
    return this.#ownership?.mirror.ports ?? new Map();
  }

  get counts(): SessionCounts {
    const none = { flowMods: 0, groupMods: 0, meterMods: 0, bundlesCommitted: 0, bundlesFailed: 0 };
    const mirror = this.#ownership?.mirror.counts ?? { monitorPauses: 0, audits: 0, configDrift: 0 };
    const own = { messages: this.#messages, packetInsDropped: this.#packetInsDropped, errors: this.#errors };
    return { ...none, ...this.#installed, ...mirror, ...own };
  }

  /** Takes one event at the monotonic time `nowMs`. Never throws for what a switch does. */
  step(event: SessionEvent, nowMs: number): readonly SessionEffect[] {
    assert(this.#effects.length === 0, 'a step is not entered from within');
    if (this.#state === 'closed') return [];
    try {
      this.#yieldToSuccessor();
      this.#take(event, nowMs);
      this.#notice();
      this.#requests.checkQueue();
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      this.#end();
      this.#report({ kind: 'close', reason: error instanceof Closure ? error.reason : 'protocol', detail: error.message });
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Whether a frame holds counters that were asked for: it is to be given as `counts`, undecoded. */
  countsIn(frame: Uint8Array): boolean {
    return this.#readings.countsIn(frame);
  }

  get hasOutput(): boolean {
    return this.#requests.hasOutput;
  }

  /** The bytes to send since the last call; undefined when there are none. See `queued` of `SessionEvent`. */
  take(): Uint8Array | undefined {
    return this.#requests.take();
  }

  readonly #report = (effect: SessionEffect): void => {
    this.#effects.push(effect);
  };

  #take(event: SessionEvent, nowMs: number): void {
    switch (event.kind) {
      case 'connected':
        assert(this.#state === 'idle', 'a session is of one connection');
        this.#startedMs = nowMs;
        this.#heardMs = nowMs;
        this.#handshake = new Handshake(this.#requests);
        this.#state = 'greeting';
        return;
      case 'message':
        return this.#receive(event.message, nowMs);
      case 'broken':
        throw new Closure('malformed', event.detail);
      case 'queued':
        this.#requests.queued(event.bytes);
        this.#ownership?.installer.pump(nowMs);
        return;
      case 'tick':
        return this.#tick(nowMs);
      case 'own':
        return this.#own(event, nowMs);
      case 'release':
        return this.#release();
      case 'flush-zone':
        return this.#zoneFlushes.begin(event.zone, event.token, nowMs);
      case 'packet-out':
        this.#requests.packetOut(event.packet);
        return;
      case 'read-flows':
        return this.#readings.begin(event.reading, event.token, this.#handshake?.stage === 'done', nowMs);
      case 'counts':
        this.#hear(nowMs);
        return this.#readings.counted(event.frame, nowMs);
      case 'disconnected':
        return this.#end();
    }
  }

  /** Nothing is known of the switch any more. */
  #end(): void {
    this.#disown();
    this.#readings.abandon('the connection ended');
    this.#zoneFlushes.abandon();
    this.#state = 'closed';
  }

  /** The switch has come back on another connection, which owns it now. */
  #yieldToSuccessor(): void {
    const ownership = this.#ownership;
    if (ownership && !ownership.reconciler.isAttached(ownership.attachment))
      this.#lose('taken', 'another connection of this switch is owned now');
  }

  #disown(): void {
    const ownership = this.#ownership;
    if (!ownership) return;
    ownership.installer.abandon();
    ownership.reconciler.detach(ownership.attachment);
    this.#ownership = undefined;
    this.#report({ kind: 'progress' });
  }

  #tick(nowMs: number): void {
    const { handshakeTimeoutMs, replyTimeoutMs, probeIntervalMs, probeTimeoutMs } = this.#limits;
    if ((this.#state === 'greeting' || this.#state === 'joining') && nowMs >= this.#startedMs + handshakeTimeoutMs)
      throw new Closure('handshake-timeout', `the switch is ${this.#state} after ${handshakeTimeoutMs} ms`);
    if (this.#claim && nowMs >= this.#claim.sinceMs + replyTimeoutMs)
      throw new Closure('reply-timeout', `no reply to ROLE MASTER within ${replyTimeoutMs} ms`);
    const silentMs = nowMs - this.#heardMs;
    if (silentMs >= probeIntervalMs + probeTimeoutMs) throw new Closure('inactive', `silent for ${Math.round(silentMs)} ms`);
    if (silentMs >= probeIntervalMs && !this.#hasProbed && this.#state !== 'greeting') {
      this.#hasProbed = true;
      this.#requests.echo();
    }
    this.#zoneFlushes.tick(nowMs);
    this.#readings.tick(nowMs);
    const ownership = this.#ownership;
    if (!ownership) return;
    ownership.mirror.tick(nowMs);
    ownership.installer.tick(nowMs);
    ownership.reconciler.retry(nowMs);
  }

  #own({ reconciler, generationId }: Claim, nowMs: number): void {
    assert(this.#handshake?.stage === 'done', 'only a switch that has joined can be owned');
    if (this.#ownership && this.#ownership.reconciler !== reconciler) this.#disown();
    this.#claim = { reconciler, generationId, xid: this.#requests.role('OFPCR_ROLE_MASTER', generationId), sinceMs: nowMs };
    if (!this.#ownership) this.#state = 'claiming';
  }

  #release(): void {
    const generationId = this.#claim?.generationId ?? this.#ownership?.generationId;
    if (generationId === undefined) return;
    this.#claim = undefined;
    this.#disown();
    this.#state = 'following';
    this.#requests.role('OFPCR_ROLE_SLAVE', generationId);
  }

  #receive(message: Message, nowMs: number): void {
    this.#hear(nowMs);
    const isListed = message.type === 'OFPT_MULTIPART_REPLY';
    if (!isListed && !this.#messageRate.take(nowMs))
      throw new Closure('flood', `more than ${this.#limits.messagesPerSecondMax} messages a second`);
    if (message.type === 'OFPT_ECHO_REQUEST') return this.#requests.echoReply(message.xid, message.body.data);
    if (message.type === 'OFPT_ECHO_REPLY') return;
    if (message.type === 'OFPT_ERROR') return this.#error(message, nowMs);
    const handshake = this.#handshake;
    if (handshake && handshake.stage !== 'done') {
      const stage = handshake.receive(message);
      this.#state = stage === 'done' ? 'following' : stage;
      if (stage === 'done')
        this.#report({ kind: 'joined', datapathId: handshake.datapathId, version: versionNames[this.#requests.version] });
      return;
    }
    if (message.version !== this.#requests.version)
      throw new Closure('protocol', `a message of wire version ${message.version} in a session of ${this.#requests.version}`);
    this.#joined(message, nowMs);
  }

  #hear(nowMs: number): void {
    this.#messages++;
    this.#heardMs = nowMs;
    this.#hasProbed = false;
  }

  /** A message behind the handshake. What nobody asked for and nobody needs is passed over. */
  #joined(message: Message, nowMs: number): void {
    switch (message.type) {
      case 'OFPT_ROLE_REPLY':
        return this.#role(message, nowMs);
      case 'OFPT_ROLE_STATUS':
        return this.#roleStatus(String(message.body.role));
      case 'OFPT_BARRIER_REPLY':
        if (this.#zoneFlushes.barrierReply(message.xid)) return;
        this.#ownership?.installer.barrierReply(message.xid, nowMs);
        return;
      case 'OFPT_PACKET_IN':
        return this.#packetIn(packetInFrom(message.body), nowMs);
      case 'OFPT_EXPERIMENTER':
        if (message.body.name === 'NXT_PACKET_IN2') return this.#packetIn(packetIn2From(message.body.payload.properties), nowMs);
        if (message.body.name === 'ONFT_ROLE_STATUS') return this.#roleStatus(String(message.body.payload.role));
    }
    if (this.#readings.receive(message, nowMs)) return;
    const ownership = this.#ownership;
    if (!ownership) return;
    if (bundleReplyOf(message)) ownership.installer.controlReply(message.xid, nowMs);
    else ownership.mirror.receive(message, nowMs);
  }

  #packetIn(packet: PacketIn, nowMs: number): void {
    if (this.#packetInRate.take(nowMs)) this.#report({ kind: 'packet-in', packet });
    else this.#packetInsDropped++;
  }

  #role({ xid, body }: MessageOf<'OFPT_ROLE_REPLY'>, nowMs: number): void {
    const claim = this.#claim;
    if (claim?.xid !== xid) return;
    this.#claim = undefined;
    if (body.role !== 'OFPCR_ROLE_MASTER') return this.#lose('refused', `the switch answered ${body.role} to ROLE MASTER`);
    const { reconciler, generationId } = claim;
    this.#report({ kind: 'mastered', generationId });
    if (this.#ownership) return;
    const attachment = reconciler.attach();
    const installer = new Installer(reconciler, this.#requests, this.#limits);
    const mirror = new Mirror(reconciler, this.#requests, this.#limits, this.#report);
    this.#installed = installer.counts;
    this.#ownership = { reconciler, generationId, attachment, installer, mirror, realized: undefined, wasKnown: false };
    this.#state = 'listing';
    mirror.begin(nowMs);
  }

  #roleStatus(role: string): void {
    if (role !== 'OFPCR_ROLE_MASTER' && this.#ownership) this.#lose('taken', `the switch says that the role is ${role} now`);
  }

  #lose(cause: 'stale' | 'refused' | 'taken', detail: string): void {
    this.#claim = undefined;
    this.#disown();
    this.#state = 'following';
    this.#report({ kind: 'lost', cause, detail });
  }

  #error(message: MessageOf<'OFPT_ERROR'>, nowMs: number): void {
    const code = String(message.body.code);
    const error: SwitchError = { xid: message.xid, code, name: `${message.body.type}/${code}` };
    // Numbers that have no name are counted together: a switch can send any.
    const counted = typeof message.body.code === 'string' ? error.name : 'unknown';
    this.#errors[counted] = (this.#errors[counted] ?? 0) + 1;
    if (this.#handshake?.stage !== 'done') {
      if (this.#handshake?.stage !== 'joining') throw new Closure('version', `the switch refused our hello: ${error.name}`);
      return this.#handshake.error(error);
    }
    if (error.xid === this.#claim?.xid) return this.#lose(code === 'OFPRRFC_STALE' ? 'stale' : 'refused', error.name);
    // A role that was given up: a later owner, which has made a slave of this one, was faster.
    if (code === 'OFPRRFC_STALE') return;
    if (code === 'OFPBRC_IS_SLAVE' && this.#ownership) return this.#lose('taken', error.name);
    if (this.#zoneFlushes.error(error) || this.#readings.error(error, nowMs)) return;
    if (this.#ownership?.installer.error(error, nowMs)) return;
    if (this.#ownership?.mirror.error(error)) return;
    this.#report({ kind: 'switch-error', name: error.name, xid: error.xid });
  }

  /** Reports what this step has moved. */
  #notice(): void {
    const ownership = this.#ownership;
    if (!ownership) return;
    const { reconciler } = ownership;
    const refused = reconciler.takeRefused();
    if (refused.length > 0) this.#report({ kind: 'refused', refused });
    if (reconciler.known) this.#state = 'steady';
    if (reconciler.realized === ownership.realized && reconciler.known === ownership.wasKnown) return;
    ownership.realized = reconciler.realized;
    ownership.wasKnown = reconciler.known;
    this.#report({ kind: 'progress' });
  }
}
