import {
  allMeters,
  allGroups,
  beginBundleAdd,
  bundleControl,
  encodeFlowMod,
  encodeInto,
  flowDump,
  flowMonitor,
  groupMod,
  meterMod,
  packetOut,
  Writer,
} from '../openflow/index.ts';
import type { BodyOf, BundleAction, FlowFilter, Message, MessageType, PacketOut, Version } from '../openflow/index.ts';
import type { FlowEdit, GroupEdit, MeterEdit } from '../reconcile/index.ts';
import type { SessionLimits } from './limits.ts';
import { Closure } from './reasons.ts';

/** `OFPT_ERROR` as the session sees it: `name` is type and code as the specification names them. */
export interface SwitchError {
  readonly xid: number;
  readonly code: string;
  readonly name: string;
}

export type ListingKind = 'flows' | 'groups' | 'meters' | 'ports';

const nicira = 0x2320;
const anyPort = 0xffffffff;
const monitorId = 1;
const bundleFlags = ['OFPBF_ATOMIC', 'OFPBF_ORDERED'] as const;
const monitorFlags = ['OFPFMF_ADD', 'OFPFMF_REMOVED', 'OFPFMF_MODIFY', 'OFPFMF_INSTRUCTIONS'] as const;
const xidMax = 0xffff_ffff;

/** Fragments are treated as packets; whole packets come up, but for what a `controller` action cuts itself. */
export const switchConfig = { flags: 'OFPC_FRAG_NORMAL', miss_send_len: 0xffff } as const;

/** A message without its version and id. */
type Said = { [T in MessageType]: { readonly type: T; readonly body: BodyOf<T> } }[MessageType];
type Listed = BodyOf<'OFPT_MULTIPART_REQUEST'>;

const groupCommands = { add: 'OFPGC_ADD', modify: 'OFPGC_MODIFY', delete: 'OFPGC_DELETE' } as const;
const meterCommands = { add: 'OFPMC_ADD', modify: 'OFPMC_MODIFY', delete: 'OFPMC_DELETE' } as const;
/** 1.3 has another body for these two: nothing at all. */
const allOf = { groups: { group_id: allGroups }, ports: { port_no: anyPort } } as const;

/**
 * Everything a session says, appended to one buffer that the transport empties after each step. Ids rise by one with each message
 * and are never 0; each method returns the id of its message.
 */
export class Requests {
  readonly #out = new Writer(256 * 1024);
  readonly #limits: SessionLimits;
  #version: Version = 6;
  #nextXid = 1;
  #monitorXid: number | undefined;
  /** Bytes that the transport has taken from here and not yet given to the peer. */
  #queuedBytes = 0;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get nextXid(): number {
    return this.#nextXid;
  }

  get version(): Version {
    return this.#version;
  }

  speak(version: Version): void {
    this.#version = version;
  }

  get hasOutput(): boolean {
    return this.#out.length > 0;
  }

  /** Whether the transport keeps up, so that more may be begun. */
  hasRoom(): boolean {
    return this.#queuedBytes + this.#out.length < this.#limits.sendQueueBytesHigh;
  }

  /** What the transport still holds. */
  queued(bytes: number): void {
    this.#queuedBytes = bytes;
  }

  /** Copies what was said since the last call. Undefined when that is nothing. */
  take(): Uint8Array | undefined {
    if (this.#out.length === 0) return undefined;
    const bytes = this.#out.finish();
    this.#out.reset();
    this.#queuedBytes += bytes.length;
    return bytes;
  }

  /** Fails when the peer leaves more unread than may be held for it. */
  checkQueue(): void {
    if (this.#queuedBytes + this.#out.length > this.#limits.sendQueueBytesMax)
      throw new Closure('send-queue-full', `the peer leaves more than ${this.#limits.sendQueueBytesMax} bytes unread`);
  }

  /** The next `count` messages get consecutive ids. */
  reserve(count: number): void {
    if (this.#nextXid + count > xidMax) this.#nextXid = 1;
  }

  #xid(): number {
    const xid = this.#nextXid;
    this.#nextXid = xid === xidMax ? 1 : xid + 1;
    return xid;
  }

  #say(said: Said): number {
    return this.#put((xid) => ({ ...said, version: this.#version, xid }));
  }

  #put(build: (xid: number) => Message): number {
    const xid = this.#xid();
    this.#whole(() => encodeInto(this.#out, build(xid)));
    return xid;
  }

  /** What cannot be encoded leaves nothing behind. */
  #whole(write: () => void): void {
    const start = this.#out.length;
    try {
      write();
    } catch (error) {
      this.#out.length = start;
      throw error;
    }
  }

  /** 1.3 to 1.5, as a bitmap; the header says the highest. */
  hello(): number {
    return this.#say({ type: 'OFPT_HELLO', body: { elements: [{ type: 'OFPHET_VERSIONBITMAP', bitmaps: [0b111_0000] }] } });
  }

  echo(): number {
    return this.#say({ type: 'OFPT_ECHO_REQUEST', body: { data: new Uint8Array() } });
  }

  echoReply(xid: number, data: Uint8Array): void {
    encodeInto(this.#out, { type: 'OFPT_ECHO_REPLY', version: this.#version, xid, body: { data } });
  }

  features(): number {
    return this.#say({ type: 'OFPT_FEATURES_REQUEST', body: {} });
  }

  role(role: 'OFPCR_ROLE_NOCHANGE' | 'OFPCR_ROLE_MASTER' | 'OFPCR_ROLE_SLAVE', generationId: bigint): number {
    return this.#say({ type: 'OFPT_ROLE_REQUEST', body: { role, short_id: 0, generation_id: generationId } });
  }

  barrier(): number {
    return this.#say({ type: 'OFPT_BARRIER_REQUEST', body: {} });
  }

  getConfig(): number {
    return this.#say({ type: 'OFPT_GET_CONFIG_REQUEST', body: {} });
  }

  setConfig(): number {
    return this.#say({ type: 'OFPT_SET_CONFIG', body: switchConfig });
  }

  /** NXT_PACKET_IN2: it carries the userdata of `controller2`. */
  packetInFormat(): number {
    const payload = { format: 'NXPIF_NXT_PACKET_IN2' } as const;
    return this.#say({
      type: 'OFPT_EXPERIMENTER',
      body: { experimenter: nicira, exp_type: 16, name: 'NXT_SET_PACKET_IN_FORMAT', payload },
    });
  }

  /** As master: packets that flows send up, ports and the loss of the role. As slave: ports and the role. */
  asyncConfig(): number {
    const all = 0b11_1111;
    if (this.#version === 4) {
      return this.#say({
        type: 'OFPT_SET_ASYNC',
        body: { packet_in_mask: [all, 0], port_status_mask: [all, all], flow_removed_mask: [0, 0] },
      });
    }
    const masks = [
      ['OFPACPT_PACKET_IN_SLAVE', 0],
      ['OFPACPT_PACKET_IN_MASTER', all],
      ['OFPACPT_PORT_STATUS_SLAVE', 0b111],
      ['OFPACPT_PORT_STATUS_MASTER', 0b111],
      ['OFPACPT_FLOW_REMOVED_SLAVE', 0],
      ['OFPACPT_FLOW_REMOVED_MASTER', 0],
      ['OFPACPT_ROLE_STATUS_SLAVE', 0b111],
      ['OFPACPT_ROLE_STATUS_MASTER', 0b111],
    ] as const;
    return this.#say({ type: 'OFPT_SET_ASYNC', body: { properties: masks.map(([type, mask]) => ({ type, mask })) } });
  }

  list(kind: ListingKind): number {
    if (kind === 'flows') return this.#put((xid) => flowDump(this.#version, xid));
    const body: Listed =
      kind === 'meters'
        ? { type: 'OFPMP_METER_CONFIG', flags: [], body: { meter_id: allMeters } }
        : kind === 'groups'
          ? { type: 'OFPMP_GROUP_DESC', flags: [], body: allOf.groups }
          : { type: 'OFPMP_PORT_DESC', flags: [], body: allOf.ports };
    return this.#say({ type: 'OFPT_MULTIPART_REQUEST', body });
  }

  listFlows(filter: FlowFilter): number {
    return this.#put((xid) => flowDump(this.#version, xid, filter));
  }

  /**
   * Every change of every table from now on; our own come abbreviated. Once on a connection, which keeps its monitor while another is master, and is
   * refused a second of the same number.
   */
  monitorFlows(): number {
    return (this.#monitorXid ??= this.#put((xid) => flowMonitor(this.#version, xid, monitorId, monitorFlags)));
  }

  /** There is none. */
  monitorRefused(): void {
    this.#monitorXid = undefined;
  }

  bundleControl(action: BundleAction, bundleId: number): number {
    return this.#put((xid) => bundleControl(this.#version, xid, bundleId, action, bundleFlags));
  }

  /** @throws WeirError, having said nothing, when the flow has no encoding; its id is used up all the same */
  bundledFlow(bundleId: number, { command, value }: FlowEdit): void {
    const flow =
      command === 'add' ? value : { tableId: value.tableId, priority: value.priority, match: value.match, cookie: 0n, instructions: [] };
    this.#bundled(bundleId, (xid) =>
      encodeFlowMod(this.#out, this.#version, xid, command === 'add' ? 'OFPFC_ADD' : 'OFPFC_DELETE_STRICT', flow),
    );
  }

  /** @throws as `bundledFlow` does */
  bundledGroup(bundleId: number, { command, value }: GroupEdit): void {
    const group = command === 'delete' ? { groupId: value.groupId, type: value.type, buckets: [] } : value;
    this.#bundled(bundleId, (xid) => encodeInto(this.#out, groupMod(this.#version, xid, groupCommands[command], group)));
  }

  #bundled(bundleId: number, encodeInner: (xid: number) => void): void {
    const xid = this.#xid();
    this.#whole(() => {
      const end = beginBundleAdd(this.#out, this.#version, xid, bundleId, bundleFlags);
      encodeInner(xid);
      end();
    });
  }

  meter({ command, value }: MeterEdit): number {
    const meter = command === 'delete' ? { ...value, bands: [] } : value;
    return this.#put((xid) => meterMod(this.#version, xid, meterCommands[command], meter));
  }

  flushZone(zone: number): number {
    const payload = { zone_id: zone };
    return this.#say({ type: 'OFPT_EXPERIMENTER', body: { experimenter: nicira, exp_type: 29, name: 'NXT_CT_FLUSH_ZONE', payload } });
  }

  packetOut(packet: PacketOut): number {
    return this.#put((xid) => packetOut(this.#version, xid, packet));
  }
}
