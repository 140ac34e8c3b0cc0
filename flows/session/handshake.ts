import { versionsOf } from '../openflow/index.ts';
import type { BodyOf, Message, MessageOf, Version } from '../openflow/index.ts';
import { Closure } from './reasons.ts';
import type { Requests, SwitchError } from './requests.ts';

const spoken: readonly Version[] = [6, 5, 4];

/** The highest version that both sides speak (OpenFlow 1.5.1 section 6.3.1). */
function commonVersion(message: MessageOf<'OFPT_HELLO'>): Version {
  const theirs = versionsOf(message.body, message.version);
  const version = spoken.find((candidate) => theirs.includes(candidate));
  if (version === undefined)
    throw new Closure('version', `the switch speaks wire versions ${theirs.join(', ') || 'none'}, Weir speaks 4, 5 and 6`);
  return version;
}

export type HandshakeStage = 'greeting' | 'joining' | 'done';

/**
 * From the connection to a slave that is known. A fresh connection is EQUAL and may write, so ROLE SLAVE is the first request. The
 * generation it names must not be older than the switch's, which is asked for when 0 is.
 */
export class Handshake {
  readonly #requests: Requests;
  #stage: HandshakeStage = 'greeting';
  #roleXid = 0;
  #isSlave = false;
  #features: BodyOf<'OFPT_FEATURES_REPLY'> | undefined;

  constructor(requests: Requests) {
    this.#requests = requests;
    requests.hello();
  }

  get stage(): HandshakeStage {
    return this.#stage;
  }

  get datapathId(): bigint {
    return this.#features?.datapath_id ?? 0n;
  }

  /** Takes the messages of a handshake; any other one is early and breaks the protocol. */
  receive(message: Message): HandshakeStage {
    if (message.type === 'OFPT_HELLO' && this.#stage === 'greeting') this.#greet(message);
    else if (message.type === 'OFPT_FEATURES_REPLY' && this.#stage === 'joining') {
      if (message.body.auxiliary_id !== 0) throw new Closure('protocol', 'an auxiliary connection, which is not used');
      this.#features = message.body;
    } else if (message.type === 'OFPT_ROLE_REPLY' && message.xid === this.#roleXid) this.#role(message.body);
    else if (this.#stage === 'greeting') throw new Closure('protocol', `${message.type} before hello`);
    if (this.#features && this.#isSlave) this.#stage = 'done';
    return this.#stage;
  }

  /** The switch refuses a request of the handshake. */
  error(error: SwitchError): void {
    if (error.xid !== this.#roleXid || error.code !== 'OFPRRFC_STALE')
      throw new Closure('refused', `the switch refused the handshake: ${error.name}`);
    this.#roleXid = this.#requests.role('OFPCR_ROLE_NOCHANGE', 0n);
  }

  #greet(message: MessageOf<'OFPT_HELLO'>): void {
    this.#requests.speak(commonVersion(message));
    this.#roleXid = this.#requests.role('OFPCR_ROLE_SLAVE', 0n);
    this.#requests.features();
    this.#stage = 'joining';
  }

  #role({ role, generation_id: generationId }: BodyOf<'OFPT_ROLE_REPLY'>): void {
    if (role === 'OFPCR_ROLE_SLAVE') this.#isSlave = true;
    else this.#roleXid = this.#requests.role('OFPCR_ROLE_SLAVE', generationId);
  }
}
