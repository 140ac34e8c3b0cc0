import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Framer } from '../../flows/openflow/index.ts';

/** The bytes of one bundle up to its barrier, and its COMMIT. */
interface RecordedBundle {
  readonly fill: Buffer;
  readonly barrierXid: number;
  readonly commit: Buffer;
  readonly commitXid: number;
}

/** What a session sent to an empty switch, cut where it waited: before the first bundle, and in bundles. */
export interface Recording {
  readonly before: Buffer;
  readonly bundles: readonly RecordedBundle[];
}

const type = { error: 1, echoRequest: 2, barrierRequest: 20, barrierReply: 21, bundleControl: 33 };
const control = { open: 0, commit: 4, commitReply: 5 };
const xidOf = (frame: Uint8Array): number => Buffer.from(frame.buffer, frame.byteOffset, 8).readUInt32BE(4);
const controlOf = (frame: Uint8Array): number | undefined =>
  frame[1] === type.bundleControl ? (frame[12] ?? 0) * 256 + (frame[13] ?? 0) : undefined;

/** Cuts what a session on OpenFlow 1.5 sent. Bundles fill while others commit, so COMMITs stand between the frames of later bundles. */
export function cut(sent: readonly Uint8Array[]): Recording {
  const before: Uint8Array[] = [];
  const fills: { frames: Uint8Array[]; barrierXid: number }[] = [];
  const commits: Uint8Array[] = [];
  const framer = new Framer();
  for (const chunk of sent) {
    framer.push(chunk, (frame) => {
      const kind = controlOf(frame);
      if (kind === control.open) fills.push({ frames: [], barrierXid: 0 });
      const fill = fills.at(-1);
      if (kind === control.commit) commits.push(frame);
      else if (!fill || fill.barrierXid !== 0) before.push(frame);
      else {
        fill.frames.push(frame);
        if (frame[1] === type.barrierRequest) fill.barrierXid = xidOf(frame);
      }
    });
  }
  const bundles = fills.map(({ frames, barrierXid }, index) => {
    const commit = Buffer.from(commits[index] ?? []);
    return { fill: Buffer.concat(frames), barrierXid, commit, commitXid: commit.readUInt32BE(4) };
  });
  return { before: Buffer.concat(before), bundles };
}

/**
 * Waits for a switch and plays the recording to it from memory: as many bundles ahead as the session had, each COMMIT behind the reply
 * to its barrier and to the COMMIT before, bytes as they were recorded.
 */
export class Replay {
  readonly #server = createServer({ noDelay: true });
  readonly #recording: Recording;
  readonly #window: number;

  constructor(recording: Recording, window: number) {
    this.#recording = recording;
    this.#window = window;
  }

  async listen(host: string): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }

  /** @returns milliseconds from the first byte of the first bundle to the reply to the last COMMIT */
  async run(quietMs: number): Promise<number> {
    const socket = await new Promise<Socket>((resolve) => this.#server.once('connection', resolve));
    socket.on('data', () => undefined);
    socket.write(this.#recording.before);
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    socket.removeAllListeners('data');
    const took = await this.#play(socket);
    socket.destroy();
    return took;
  }

  #play(socket: Socket): Promise<number> {
    const { bundles } = this.#recording;
    return new Promise((resolve, reject) => {
      let filled = 0;
      let judged = 0;
      let committed = 0;
      let committing = false;
      const startMs = performance.now();
      const proceed = (): void => {
        while (filled < bundles.length && filled < committed + this.#window) socket.write(bundles[filled++]?.fill ?? '');
        if (!committing && judged > committed) {
          committing = true;
          socket.write(bundles[committed]?.commit ?? '');
        }
        if (committed === bundles.length) resolve(performance.now() - startMs);
      };
      const framer = new Framer();
      socket.on('data', (chunk: Buffer) => {
        framer.push(chunk, (frame) => {
          if (frame[1] === type.error) reject(new Error(`the switch refused a replayed message: ${Buffer.from(frame).toString('hex')}`));
          if (frame[1] === type.barrierReply && xidOf(frame) === bundles[judged]?.barrierXid) judged++;
          if (controlOf(frame) === control.commitReply && xidOf(frame) === bundles[committed]?.commitXid) {
            committed++;
            committing = false;
          }
        });
        proceed();
      });
      proceed();
    });
  }
}
