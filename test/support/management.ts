import { connect } from 'node:net';
import type { Socket } from 'node:net';
import {
  Framer,
  Writer,
  allMeters,
  decode,
  encode,
  encodeFlowMod,
  flowDump,
  flowsOf,
  hasMore,
  meterMod,
} from '../../flows/openflow/index.ts';
import type { FlowModCommand, Message, MeterModCommand, Version } from '../../flows/openflow/index.ts';
import type { Flow, Meter } from '../../flows/model/index.ts';

/** An OFPT_ERROR, with the head of what it complains of. */
export interface Refusal {
  readonly xid: number;
  readonly reason: string;
}

const everything: Flow = { tableId: 255, priority: 0, cookie: 0n, match: [], instructions: [] };

/**
 * A bridge's management socket (`BRIDGE.mgmt` in vswitchd's run directory): what `ovs-ofctl` speaks to. Sends with our
 * codec and nothing else of ours: no session, no reconciliation. One request at a time.
 */
export class Management {
  readonly version: Version;
  readonly #socket: Socket;
  readonly #framer = new Framer();
  readonly #writer = new Writer(1 << 20);
  #xid = 1;
  #refusals: Refusal[] = [];
  #parts: Message[] = [];
  #await:
    | { readonly until: (message: Message) => boolean; readonly resolve: () => void; readonly reject: (error: Error) => void }
    | undefined;

  private constructor(socket: Socket, version: Version) {
    this.#socket = socket;
    this.version = version;
    socket.on('data', (chunk: Buffer) => this.#framer.push(chunk, (frame) => this.#take(decode(frame))));
    const fail = (error: Error): void => this.#await?.reject(error);
    socket.on('error', fail).on('close', () => fail(new Error('the bridge closed the management connection')));
  }

  static async open(path: string, version: Version): Promise<Management> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const opening = connect(path);
      opening.once('error', reject).once('connect', () => resolve(opening.off('error', reject)));
    });
    const management = new Management(socket, version);
    const greeted = management.#until(({ type }) => type === 'OFPT_HELLO');
    const bitmap = { type: 'OFPHET_VERSIONBITMAP', bitmaps: [1 << version] } as const;
    socket.write(encode({ version, type: 'OFPT_HELLO', xid: 0, body: { elements: [bitmap] } }));
    await greeted;
    return management;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** What the switch refused; an empty list when it took everything. */
  async send(command: FlowModCommand, flows: readonly Flow[]): Promise<readonly (Refusal & { readonly flow: Flow })[]> {
    const first = this.#xid;
    for (const flow of flows) {
      encodeFlowMod(this.#writer, this.version, this.#xid++, command, flow);
      if (this.#writer.length > 1 << 19) await this.#flush();
    }
    await this.#flush();
    return (await this.#barrier()).flatMap((refusal) => {
      const flow = flows[refusal.xid - first];
      if (flow === undefined) throw new Error(`an error of another request: ${refusal.reason}`);
      return [{ ...refusal, flow }];
    });
  }

  async clear(): Promise<void> {
    await this.send('OFPFC_DELETE', [everything]);
    await this.#meters('OFPMC_DELETE', [{ meterId: allMeters, unit: 'kbps', burst: false, stats: false, bands: [] }]);
  }

  async addMeters(meters: readonly Meter[]): Promise<void> {
    await this.#meters('OFPMC_ADD', meters);
  }

  async putMeter(meter: Meter, command: 'OFPMC_ADD' | 'OFPMC_MODIFY'): Promise<void> {
    await this.#meters(command, [meter]);
  }

  async dump(): Promise<readonly Flow[]> {
    const xid = this.#xid++;
    const done = this.#until((message) => message.type === 'OFPT_MULTIPART_REPLY' && message.xid === xid && !hasMore(message.body));
    this.#parts = [];
    this.#socket.write(encode(flowDump(this.version, xid)));
    await done;
    return this.#parts.flatMap((part) => flowsOf(part) ?? []);
  }

  async #meters(command: MeterModCommand, meters: readonly Meter[]): Promise<void> {
    for (const meter of meters) this.#socket.write(encode(meterMod(this.version, this.#xid++, command, meter)));
    const [refusal] = await this.#barrier();
    if (refusal) throw new Error(`a meter was refused: ${refusal.reason}`);
  }

  async #barrier(): Promise<readonly Refusal[]> {
    const xid = this.#xid++;
    const done = this.#until((message) => message.type === 'OFPT_BARRIER_REPLY' && message.xid === xid);
    this.#socket.write(encode({ version: this.version, type: 'OFPT_BARRIER_REQUEST', xid, body: {} }));
    await done;
    return this.#refusals.splice(0);
  }

  async #flush(): Promise<void> {
    const bytes = this.#writer.finish();
    this.#writer.reset();
    if (bytes.length > 0) await new Promise<void>((resolve) => void this.#socket.write(bytes, () => resolve()));
  }

  #until(until: (message: Message) => boolean): Promise<void> {
    return new Promise((resolve, reject) => (this.#await = { until, resolve, reject }));
  }

  #take(message: Message): void {
    if (message.type === 'OFPT_ECHO_REQUEST') {
      this.#socket.write(encode({ ...message, type: 'OFPT_ECHO_REPLY' }));
      return;
    }
    if (message.type === 'OFPT_ERROR') this.#refusals.push({ xid: message.xid, reason: `${message.body.type} ${message.body.code}` });
    if (message.type === 'OFPT_MULTIPART_REPLY') this.#parts.push(message);
    if (this.#await?.until(message)) this.#await.resolve();
  }
}
