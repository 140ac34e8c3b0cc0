import { decode, Framer } from '../../../flows/openflow/index.ts';
import type { Version } from '../../../flows/openflow/index.ts';
import type { Reconciler } from '../../../flows/reconcile/index.ts';
import { Session } from '../../../flows/session/index.ts';
import type { SessionEffect, SessionEvent, SessionLimits } from '../../../flows/session/index.ts';
import type { Random } from './random.ts';
import { encoded, SwitchModel } from './switch-model.ts';

interface Delivery {
  readonly atMs: number;
  readonly act: () => void;
}

const tickMs = 250;

/**
 * A session and a switch model with a wire between them: time is virtual, both directions keep their order, and each message takes a
 * random while. After a close the session is made anew a second later and owns the switch again.
 */
export class Harness {
  readonly model: SwitchModel;
  readonly effects: SessionEffect[] = [];
  readonly reconciler: Reconciler;
  session = new Session();
  nowMs = 0;
  generationId = 1n;
  reconnects = true;
  latencyMaxMs = 5;
  readonly #random: Random;
  readonly #limits: Partial<SessionLimits>;
  #toSwitch: Delivery[] = [];
  #toSession: Delivery[] = [];
  #connectAtMs = 0;
  #connected = false;

  constructor(version: Version, reconciler: Reconciler, random: Random, limits: Partial<SessionLimits> = {}) {
    this.model = new SwitchModel(version);
    this.reconciler = reconciler;
    this.#random = random;
    this.#limits = limits;
  }

  /** Runs until `untilMs` of virtual time, or until `done` holds. */
  run(durationMs: number, done: () => boolean = () => false): boolean {
    const untilMs = this.nowMs + durationMs;
    while (this.nowMs < untilMs) {
      if (done()) return true;
      if (!this.#connected && this.nowMs >= this.#connectAtMs) this.#connect();
      const next = Math.min(
        untilMs,
        (Math.floor(this.nowMs / tickMs) + 1) * tickMs,
        this.#toSwitch[0]?.atMs ?? Infinity,
        this.#toSession[0]?.atMs ?? Infinity,
      );
      const isTick = next % tickMs === 0 && next > this.nowMs;
      this.nowMs = next;
      for (const queue of ['#toSwitch', '#toSession'] as const) this.#deliver(queue);
      if (isTick && this.#connected) this.step({ kind: 'tick' });
    }
    return done();
  }

  /** The desire has changed. */
  kick(): void {
    if (this.#connected) this.#turn();
  }

  step(event: SessionEvent): void {
    for (const effect of this.session.step(event, this.nowMs)) this.#perform(effect);
    this.#turn();
  }

  disconnect(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.model.disconnect();
    this.#connectAtMs = this.reconnects ? this.nowMs + 1_000 : Infinity;
    for (const effect of this.session.step({ kind: 'disconnected' }, this.nowMs)) this.effects.push(effect);
    this.#toSwitch = [];
    this.#toSession = [];
  }

  closes(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'close' ? [effect.reason] : []));
  }

  #connect(): void {
    this.session = new Session(this.#limits);
    this.#connected = true;
    const framer = new Framer();
    this.model.connect((message) => {
      const bytes = encoded(message);
      this.#send(this.#toSession, () => {
        if (this.#connected) framer.push(bytes, (frame) => this.step({ kind: 'message', message: decode(frame) }));
      });
    });
    this.step({ kind: 'connected' });
  }

  #perform(effect: SessionEffect): void {
    this.effects.push(effect);
    if (effect.kind === 'joined')
      for (const own of this.session.step({ kind: 'own', reconciler: this.reconciler, generationId: this.generationId }, this.nowMs))
        this.#perform(own);
    if (effect.kind === 'close') this.disconnect();
  }

  #turn(): void {
    while (this.#connected) {
      const bytes = this.session.take();
      if (bytes) this.#send(this.#toSwitch, () => new Framer().push(bytes, (frame) => this.model.receive(decode(frame))));
      for (const effect of this.session.step({ kind: 'queued', bytes: 0 }, this.nowMs)) this.#perform(effect);
      if (!this.session.hasOutput) return;
    }
  }

  #send(queue: Delivery[], act: () => void): void {
    queue.push({ atMs: Math.max(queue.at(-1)?.atMs ?? 0, this.nowMs + this.#random.unit() * this.latencyMaxMs), act });
  }

  #deliver(which: '#toSwitch' | '#toSession'): void {
    for (;;) {
      const queue = which === '#toSwitch' ? this.#toSwitch : this.#toSession;
      if ((queue[0]?.atMs ?? Infinity) > this.nowMs) return;
      queue.shift()?.act();
    }
  }
}
