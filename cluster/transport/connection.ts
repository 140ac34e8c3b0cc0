import type { Socket } from 'node:net';
import { reasonOf, WeirError } from '../../src/base/errors.ts';
import type { Refusal, Release } from '../version/index.ts';
import { type Frame, frameBytesMax, type FrameKind, FrameReader, FrameWriter } from './frame.ts';

/** What a member says first on a connection, and is answered with: by what release it runs each side knows whether it can talk with the other at all. */
export interface Hello extends Release {
  readonly cluster: string;
  readonly from: string;
  readonly to: string;
  /** Of the directory that the member keeps its data in: one that was lost does not come back under the same name. */
  readonly instance: string;
  /** Where the member listens; the other side may not have heard of it yet. */
  readonly address: string;
  /** Random, of the process: a copy of the directory that runs elsewhere is told from the member. Absent in what the first releases say. */
  readonly run?: string;
  /** Of the cluster as its directory was begun, where it was begun by several: who read other settings is told what differs. */
  readonly founders?: string;
}

export const helloTextMax = 300;

/** Undefined when it is none. */
export function readHello(head: unknown): Hello | undefined {
  const { version, versionMin, release, cluster, from, to, instance, address, run, founders } = (
    typeof head === 'object' && head !== null ? head : {}
  ) as Partial<Record<keyof Hello, unknown>>;
  if (typeof version !== 'number' || typeof versionMin !== 'number') return undefined;
  const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= helloTextMax;
  if (!isText(cluster) || !isText(from) || !isText(to) || !isText(instance) || !isText(address)) return undefined;
  return {
    version,
    versionMin,
    release: isText(release) ? release : '',
    cluster,
    from,
    to,
    instance,
    address,
    ...(isText(run) && { run }),
    ...(isText(founders) && { founders }),
  };
}

const helloBytesMax = 4_096;
/** Beyond it a message is dropped rather than kept for somebody who does not read. */
const unsentBytesMax = 64 * 1024 * 1024;

/** So much is not gathered any longer. */
const pieceBytes = 64 * 1024;
const nothing: readonly Uint8Array[] = [];

/** Frames in and out of one socket. Ends itself, with a reason, when what comes in is no frame. */
export class Connection {
  readonly #socket: Socket;
  readonly #reader = new FrameReader(helloBytesMax);
  readonly #writer = new FrameWriter();
  readonly #onFrame: (frame: Frame) => void;
  readonly #onEnd: (error: WeirError) => void;
  #reason: WeirError | undefined;
  #ended = false;

  constructor(socket: Socket, onFrame: (frame: Frame) => void, onEnd: (error: WeirError) => void) {
    this.#socket = socket;
    this.#onFrame = onFrame;
    this.#onEnd = onEnd;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.end('unreachable', reasonOf(error)));
    socket.on('close', () => this.#close());
  }

  /** The other side is known: from now on frames may be long. */
  opened(): void {
    this.#reader.bytesMax = frameBytesMax + 4;
  }

  #read(bytes: Buffer): void {
    try {
      for (const frame of this.#reader.take(bytes)) {
        if (this.#ended) return;
        this.#onFrame(frame);
      }
    } catch (error) {
      this.end(error instanceof WeirError ? error.code : 'protocol', reasonOf(error));
    }
  }

  /** Whether it went out; false: too much waits already. */
  send(kind: FrameKind, head: unknown, body: string | readonly Uint8Array[] = nothing): boolean {
    const writer = this.#writer;
    if (this.#ended || this.#socket.writableLength + writer.bytes > unsentBytesMax) return false;
    if (writer.bytes === 0) process.nextTick(() => this.#flush());
    writer.add(kind, head, body);
    if (writer.bytes >= pieceBytes) this.#flush();
    return true;
  }

  /** What one turn of the loop sends goes in few writes. */
  #flush(): void {
    const parts = this.#writer.take();
    if (parts.length > 1) this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    if (parts.length > 1) this.#socket.uncork();
  }

  /** Settles when little waits to be sent. */
  async drained(): Promise<void> {
    this.#flush();
    if (!this.#socket.writableNeedDrain || this.#ended) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  /** Tells the other side why, and ends. */
  refuse({ code, reason }: Refusal): void {
    if (this.#ended) return;
    this.send('refused', { code, reason });
    this.#reason ??= new WeirError(code, reason);
    this.#flush();
    this.#socket.end();
    this.#socket.destroySoon();
    this.#close();
  }

  end(code: string, reason: string): void {
    this.#reason ??= new WeirError(code, reason);
    this.#socket.destroy();
    this.#close();
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd(this.#reason ?? new WeirError('unreachable', 'the other side has closed the connection'));
  }
}
