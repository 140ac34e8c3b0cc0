import { answerTo, raisedBy } from '../../flows/responders/index.ts';
import type { Raised } from '../../flows/responders/index.ts';
import type { PacketOut } from '../../flows/openflow/index.ts';
import { raisedPacketRates } from '../../flows/render/index.ts';
import { RateLimit } from '../../flows/session/index.ts';
import type { PacketIn } from '../../flows/session/index.ts';
import { identityKey } from '../../policies/compiled.ts';
import type { Element, ElementKey, InterfaceElement } from '../../policies/compiled.ts';
import type { Clock } from '../base/clock.ts';
import { DecodeError } from '../base/errors.ts';
import type { LoggedPacket, RaisedOutcome } from './ports.ts';

export interface ResponderContext {
  readonly clock: Clock;
  /** `isLimited`: its interface sends too many. */
  readonly logged: (packet: LoggedPacket, isLimited: boolean) => RaisedOutcome;
  /** Every packet that came up, by what became of it. */
  readonly counted: (host: string, kind: Raised['kind'] | 'unknown', outcome: RaisedOutcome) => void;
}

/** What the responder may know of its host. */
interface Place {
  readonly name: string;
  interfaceAt(zone: number): InterfaceElement | undefined;
  readonly elements: ReadonlyMap<ElementKey, Element>;
}

/**
 * What one host's packets that come up are answered with. The switch meters them for each interface; so does this, for a switch
 * that cannot. Their bytes are a guest's and are never believed.
 */
export class Responder {
  readonly #context: ResponderContext;
  readonly #place: Place;
  /** By zone: one interface has one place in here at a time, and a host has no more zones than interfaces. */
  readonly #rates = new Map<number, Readonly<Record<Raised['kind'], RateLimit>>>();

  constructor(context: ResponderContext, place: Place) {
    this.#context = context;
    this.#place = place;
  }

  receive(packet: PacketIn, send: (answer: PacketOut) => void): void {
    const raised = raisedBy(packet);
    const outcome = raised ? this.#take(raised, send) : 'unknown';
    this.#context.counted(this.#place.name, raised?.kind ?? 'unknown', outcome);
  }

  #take(raised: Raised, send: (answer: PacketOut) => void): RaisedOutcome {
    const local = this.#place.interfaceAt(raised.zone);
    // Its flows can outlive the interface for a moment.
    if (!local || local.tenant !== raised.tenant) return 'unknown';
    const isLimited = !this.#rateOf(raised).take(this.#context.clock.nowMs());
    if (raised.kind === 'log') return this.#context.logged(this.#loggedPacket(raised, local), isLimited);
    if (isLimited) return 'limited';
    try {
      const answer = answerTo(raised, local);
      if (!answer) return 'unanswerable';
      send(answer);
      return 'answered';
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return 'malformed';
    }
  }

  #loggedPacket({ rule, entering, frame }: Raised, { portId, domain, tenant }: InterfaceElement): LoggedPacket {
    const ownerOf: LoggedPacket['ownerOf'] = (address) => {
      const element = this.#place.elements.get(identityKey({ domain, tenant, address }));
      return element?.kind === 'identity' ? element : undefined;
    };
    // What was received is read over by what comes next.
    return { host: this.#place.name, portId, rule, entering, frame: frame.slice(), ownerOf };
  }

  #rateOf({ zone, kind }: Raised): RateLimit {
    let rates = this.#rates.get(zone);
    if (!rates) {
      const rate = ({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) => new RateLimit(perSecond, burst);
      rates = { reject: rate(raisedPacketRates.reject), log: rate(raisedPacketRates.log) };
      this.#rates.set(zone, rates);
    }
    return rates[kind];
  }
}
