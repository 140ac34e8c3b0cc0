import { assert, WeirError } from '../../src/base/errors.ts';
import type { Edit, Reconciler, Step } from '../reconcile/index.ts';
import type { SessionLimits } from './limits.ts';
import { Closure } from './reasons.ts';
import type { Requests, SwitchError } from './requests.ts';

/** Consecutive edits whose messages have consecutive ids. */
interface Slice {
  readonly firstEdit: number;
  readonly firstXid: number;
  readonly count: number;
}

/**
 * One step under way. A bundle: its ADDs are sent slice by slice (`sending`), then a barrier (`filling`); the barrier's reply says that the switch has judged them
 * all (`judged`); in its turn COMMIT is sent (`committing`), and the reply settles it, or its error (`gone`). Meters: the barrier's
 * reply settles them.
 */
interface Flight {
  readonly step: Step;
  readonly bundleId: number;
  readonly openXid: number;
  readonly slices: Slice[];
  readonly errors: Map<Edit, string>;
  phase: 'sending' | 'filling' | 'judged' | 'committing' | 'gone';
  barrierXid: number | undefined;
  commitXid: number | undefined;
  /** The bundle failed as a whole: no message in it is to blame. */
  failed: boolean;
}

/** Few enough that the switch can read the first ones while the next are being written. */
const sliceEdits = 250;

function editOf({ slices, step }: Flight, xid: number): Edit | undefined {
  const slice = slices.find(({ firstXid, count }) => xid >= firstXid && xid < firstXid + count);
  return slice && step.edits[slice.firstEdit + xid - slice.firstXid];
}

/** Errors that are about the bundle, not about the message in it. */
const aboutBundle = new Set([
  'OFPBFC_UNKNOWN',
  'OFPBFC_EPERM',
  'OFPBFC_BAD_ID',
  'OFPBFC_BUNDLE_EXIST',
  'OFPBFC_BUNDLE_CLOSED',
  'OFPBFC_OUT_OF_BUNDLES',
  'OFPBFC_BAD_TYPE',
  'OFPBFC_BAD_FLAGS',
  'OFPBFC_MSG_FAILED',
  'OFPBFC_TIMEOUT',
  'OFPBFC_BUNDLE_IN_PROGRESS',
]);

export interface InstallerCounts {
  flowMods: number;
  groupMods: number;
  meterMods: number;
  bundlesCommitted: number;
  bundlesFailed: number;
}

/**
 * Carries out the reconciler's steps with the safe commit: an error on an ADD does not stop a later COMMIT, so COMMIT goes out only
 * behind the reply to a barrier behind the last ADD, and never for a bundle with an error. Several bundles are filled at once and
 * commit in order, one that takes something away only behind the replies to all before. When one fails, all that are under way are discarded once the switch has judged them, the messages
 * to blame are set aside, and the rest is planned anew.
 */
export class Installer {
  readonly counts: InstallerCounts = { flowMods: 0, groupMods: 0, meterMods: 0, bundlesCommitted: 0, bundlesFailed: 0 };
  readonly #reconciler: Reconciler;
  readonly #requests: Requests;
  readonly #limits: SessionLimits;
  #flights: Flight[] = [];
  /** DISCARDs whose reply or error is still to come; either is fine. */
  readonly #discards = new Set<number>();
  #nextBundleId = 1;
  #failuresInARow = 0;
  /** When the switch last answered something of ours, or when something was first asked. */
  #progressMs = 0;

  constructor(reconciler: Reconciler, requests: Requests, limits: SessionLimits) {
    this.#reconciler = reconciler;
    this.#requests = requests;
    this.#limits = limits;
  }

  /** Says a little more: the next slice of the step that is being sent, or the first of another, if window and send queue let. */
  pump(nowMs: number): void {
    if (!this.#requests.hasRoom()) return;
    const last = this.#flights.at(-1);
    if (last?.phase === 'sending') return this.#sendSlice(last);
    if (this.#flights.length >= this.#limits.windowSteps || this.#rewinding()) return;
    const step = this.#reconciler.next(nowMs);
    if (!step) return;
    if (this.#flights.length === 0) this.#progressMs = nowMs;
    const bundleId = step.kind === 'bundle' ? this.#nextBundleId++ : 0;
    const openXid = step.kind === 'bundle' ? this.#requests.bundleControl('OPEN', bundleId) : 0;
    const flight: Flight = {
      step,
      bundleId,
      openXid,
      slices: [],
      errors: new Map(),
      phase: 'sending',
      barrierXid: undefined,
      commitXid: undefined,
      failed: false,
    };
    this.#flights.push(flight);
    this.#sendSlice(flight);
  }

  tick(nowMs: number): void {
    const oldest = this.#flights[0];
    if (!oldest || nowMs < this.#progressMs + this.#limits.replyTimeoutMs) return;
    const [reason, awaited] =
      oldest.phase === 'committing' ? (['commit-timeout', 'COMMIT'] as const) : (['barrier-timeout', 'a barrier'] as const);
    throw new Closure(reason, `no reply to ${awaited} within ${this.#limits.replyTimeoutMs} ms`);
  }

  /** Nothing is under way any more, as far as this side is concerned. */
  abandon(): void {
    this.#flights = [];
    this.#discards.clear();
  }

  /** @returns whether the barrier was one of ours */
  barrierReply(xid: number, nowMs: number): boolean {
    const flight = this.#flights.find((candidate) => candidate.barrierXid === xid);
    if (flight?.phase !== 'filling') return false;
    flight.phase = 'judged';
    this.#advance(nowMs);
    return true;
  }

  /** A reply to a bundle control message. @returns whether it was one of ours */
  controlReply(xid: number, nowMs: number): boolean {
    const index = this.#flights.findIndex((flight) => flight.phase === 'committing' && flight.commitXid === xid);
    const flight = this.#flights[index];
    if (flight) {
      // What stands there after both an error and a reply is not known.
      if (flight.errors.size > 0)
        throw new Closure('inconsistent', 'the switch reported an error in a bundle and committed it all the same');
      this.#flights.splice(index, 1);
      this.#failuresInARow = 0;
      this.counts.bundlesCommitted++;
      this.#reconciler.committed(flight.step, nowMs);
      this.#advance(nowMs);
      return true;
    }
    return this.#discards.delete(xid) || this.#flights.some((flight) => flight.openXid === xid);
  }

  /** @returns whether the error answers a message of ours */
  error(error: SwitchError, nowMs: number): boolean {
    if (this.#discards.delete(error.xid)) return true;
    for (const flight of this.#flights) {
      const edit = editOf(flight, error.xid);
      if (edit && !(flight.step.kind === 'bundle' && aboutBundle.has(error.code))) flight.errors.set(edit, error.name);
      else if (edit || error.xid === flight.openXid || error.xid === flight.barrierXid || error.xid === flight.commitXid)
        this.#failWhole(flight, error);
      else continue;
      this.#advance(nowMs);
      return true;
    }
    return false;
  }

  #failWhole(flight: Flight, error: SwitchError): void {
    if (error.xid === flight.barrierXid) throw new Closure('refused', `the switch refused a barrier: ${error.name}`);
    if (!flight.failed && flight.errors.size === 0 && ++this.#failuresInARow >= this.#limits.bundleFailuresMax)
      throw new Closure('bundle-failed', `${this.#failuresInARow} bundles in a row failed, the last with ${error.name}`);
    flight.failed = true;
    if (error.xid === flight.commitXid) flight.phase = 'gone';
  }

  #rewinding(): boolean {
    return this.#flights.some((flight) => flight.step.kind === 'bundle' && (flight.failed || flight.errors.size > 0));
  }

  #sendSlice(flight: Flight): void {
    const { edits } = flight.step;
    const before = flight.slices.at(-1);
    const firstEdit = before ? before.firstEdit + before.count : 0;
    const count = Math.min(sliceEdits, edits.length - firstEdit);
    this.#requests.reserve(count);
    flight.slices.push({ firstEdit, firstXid: this.#requests.nextXid, count });
    for (let index = firstEdit; index < firstEdit + count; index++) {
      const edit = edits[index];
      const error = edit && this.#say(flight.bundleId, edit);
      if (edit && error !== undefined) flight.errors.set(edit, error);
    }
    if (firstEdit + count < edits.length) return;
    flight.barrierXid = this.#requests.barrier();
    flight.phase = 'filling';
  }

  /** @returns why the edit cannot be said at all; the switch then hears nothing of it */
  #say(bundleId: number, edit: Edit): string | undefined {
    this.counts[`${edit.kind}Mods`]++;
    try {
      if (edit.kind === 'flow') this.#requests.bundledFlow(bundleId, edit);
      else if (edit.kind === 'group') this.#requests.bundledGroup(bundleId, edit);
      else this.#requests.meter(edit);
      return undefined;
    } catch (error) {
      if (error instanceof WeirError) return error.message;
      throw error;
    }
  }

  #advance(nowMs: number): void {
    this.#progressMs = nowMs;
    const oldest = this.#flights[0];
    if (oldest?.step.kind === 'meters' && oldest.phase === 'judged') {
      this.#flights.shift();
      this.#reconciler.partlyCommitted(oldest.step, oldest.errors, nowMs);
    }
    if (!this.#rewinding()) this.#commit();
    else if (!this.#flights.some(({ phase }) => phase === 'sending' || phase === 'filling' || phase === 'committing')) this.#rewind(nowMs);
  }

  /** Bundles commit in order; additive ones follow each other without waiting, so that the switch is never idle. */
  #commit(): void {
    for (const flight of this.#flights) {
      if (flight.step.kind === 'meters' || (flight !== this.#flights[0] && !flight.step.isAdditive)) return;
      if (flight.phase === 'judged') {
        flight.phase = 'committing';
        flight.commitXid = this.#requests.bundleControl('COMMIT', flight.bundleId);
      }
      if (flight.phase !== 'committing' || !flight.step.isAdditive) return;
    }
  }

  #rewind(nowMs: number): void {
    const flights = this.#flights;
    this.#flights = [];
    for (const flight of flights) {
      assert(flight.step.kind === 'bundle', 'meters go alone: the steps behind them are judged after them');
      if (flight.phase === 'judged') this.#discards.add(this.#requests.bundleControl('DISCARD', flight.bundleId));
      this.counts.bundlesFailed++;
      this.#reconciler.failed(flight.step, flight.errors, nowMs);
    }
  }
}
