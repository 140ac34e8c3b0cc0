import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { decode, encode, Framer } from '../../flows/openflow/index.ts';
import type { Message } from '../../flows/openflow/index.ts';

/** What to do with a frame: undefined passes it on as it is; a list takes its place. */
export type Verdict = readonly (Message | Uint8Array)[] | undefined;

/** Comes between a switch and its controller. */
export interface Meddler {
  /** `reply` says something to the controller in the switch's name. */
  toSwitch?(message: Message, reply: (answer: Message | Uint8Array) => void): Verdict;
  toController?(message: Message): Verdict;
  /** Bytes to the controller go at this pace; without it at once. */
  readonly bytesPerSecond?: number;
}

interface Pair {
  readonly address: string;
  readonly near: Socket;
  readonly far: Socket;
  /** What trickles to the controller, one frame behind the other. */
  trickle: Promise<void> | undefined;
}

/** How many flow-mods went through to a switch, bundled or not. */
export interface Passed {
  flowMods: number;
  /** Meter-mods inside a bundle, which no controller may send. */
  bundledMeterMods: number;
}

const bytesOf = (said: Message | Uint8Array): Uint8Array => (said instanceof Uint8Array ? said : encode(said));

/** What a bundle-add carries, native or in ONF's extension; undefined for any other message. */
export function bundled(message: Message): Message | undefined {
  if (message.type === 'OFPT_BUNDLE_ADD_MESSAGE') return message.body.message as Message;
  if (message.type === 'OFPT_EXPERIMENTER' && message.body.name === 'ONFT_BUNDLE_ADD_MESSAGE')
    return message.body.payload.message as Message;
  return undefined;
}

/**
 * Stands where switches are told to find their controller and passes everything on, frame by frame, unless a meddler for that
 * switch decides otherwise. Switches are told apart by the address that they come from.
 */
export class OpenFlowProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #meddlers = new Map<string, Meddler>();
  readonly #passed = new Map<string, Passed>();

  private constructor(port: number) {
    this.#server = createServer((near) => this.#join(near, connect({ host: '127.0.0.1', port })));
  }

  /** Listens at `host` on the port that the controller has on 127.0.0.1. */
  static async listen(host: string, port: number): Promise<OpenFlowProxy> {
    const proxy = new OpenFlowProxy(port);
    await new Promise<void>((resolve, reject) => proxy.#server.once('error', reject).listen(port, host, resolve));
    return proxy;
  }

  /** @returns what ends it */
  meddle(address: string, meddler: Meddler): () => void {
    this.#meddlers.set(address, meddler);
    return () => {
      if (this.#meddlers.get(address) === meddler) this.#meddlers.delete(address);
    };
  }

  passed(address: string): Passed {
    const passed = this.#passed.get(address) ?? { flowMods: 0, bundledMeterMods: 0 };
    this.#passed.set(address, passed);
    return passed;
  }

  /** Says something to the controller in the switch's name. */
  inject(address: string, ...said: readonly (Message | Uint8Array)[]): void {
    for (const pair of this.#pairs) if (pair.address === address) for (const each of said) pair.far.write(bytesOf(each));
  }

  /** Ends the connections of a switch; it comes again. */
  cut(address: string): void {
    for (const pair of this.#pairs) if (pair.address === address) pair.near.destroy();
  }

  close(): void {
    this.#server.close();
    for (const { near } of this.#pairs) near.destroy();
  }

  #join(near: Socket, far: Socket): void {
    const pair: Pair = { address: (near.remoteAddress ?? '').replace('::ffff:', ''), near, far, trickle: undefined };
    this.#pairs.add(pair);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    this.#relay(near, (frame) => this.#toController(pair, frame));
    this.#relay(far, (frame) => this.#toSwitch(pair, frame));
  }

  #relay(from: Socket, pass: (frame: Uint8Array) => void): void {
    const framer = new Framer();
    from.on('data', (chunk: Buffer) => framer.push(chunk, (frame) => pass(frame.slice())));
  }

  #toController(pair: Pair, frame: Uint8Array): void {
    const meddler = this.#meddlers.get(pair.address);
    const verdict = meddler?.toController?.(decode(frame)) ?? [frame];
    for (const said of verdict) say(pair, bytesOf(said), meddler?.bytesPerSecond);
  }

  #toSwitch({ address, near, far }: Pair, frame: Uint8Array): void {
    const message = decode(frame);
    const inner = bundled(message) ?? message;
    const passed = this.passed(address);
    if (inner.type === 'OFPT_METER_MOD' && inner !== message) passed.bundledMeterMods++;
    const verdict = this.#meddlers.get(address)?.toSwitch?.(message, (answer) => far.write(bytesOf(answer)));
    if (inner.type === 'OFPT_FLOW_MOD' && verdict?.length !== 0) passed.flowMods++;
    for (const said of verdict ?? [frame]) near.write(bytesOf(said));
  }
}

function say(pair: Pair, bytes: Uint8Array, bytesPerSecond: number | undefined): void {
  if (bytesPerSecond === undefined && !pair.trickle) pair.far.write(bytes);
  else pair.trickle = trickled(pair, bytes, bytesPerSecond ?? Infinity);
}

async function trickled({ far, trickle }: Pair, bytes: Uint8Array, bytesPerSecond: number): Promise<void> {
  await trickle;
  for (const byte of bytes) {
    if (far.destroyed) return;
    far.write(Uint8Array.of(byte));
    await new Promise((resolve) => setTimeout(resolve, 1000 / bytesPerSecond));
  }
}
