import { flowKey } from '../../../flows/model/index.ts';
import type { Flow, Group, Meter } from '../../../flows/model/index.ts';
import { bundleControl, encode, flowMod, groupMod, meterMod } from '../../../flows/openflow/index.ts';
import type { Message, Version } from '../../../flows/openflow/index.ts';

/** What a test makes the switch do wrong. All of it can be changed at any time. */
export interface Faults {
  /** Error on the ADD of such a flow. */
  refuses(flow: Flow): boolean;
  /** Error at COMMIT, naming the first such flow. */
  failsAtCommit(flow: Flow): boolean;
  refusesMeter(meter: Meter): boolean;
  refusesGroup(group: Group): boolean;
  /** Kinds of reply that never come. */
  mutes: Set<'commit' | 'barrier' | 'role' | 'echo' | 'features' | 'config' | 'last-part'>;
  /** COMMIT itself is refused, without a message to blame, so many times. */
  commitFailures: number;
  /** Answers COMMIT although it has reported an error. */
  lies: boolean;
  hasMonitor: boolean;
}

interface Bundle {
  readonly mods: Message[];
  hadError: boolean;
}

type Loose = Readonly<Record<string, unknown>>;

const flowsPerPart = 7;

/**
 * A switch in memory that behaves as Open vSwitch was seen to: a message with an error is left out of its bundle, and COMMIT installs
 * the rest all the same; own changes come abbreviated from the monitor, those of others in full; a stale generation is refused.
 * `violations` collects what a controller must never do.
 */
export class SwitchModel {
  readonly flows = new Map<string, Flow>();
  readonly groups = new Map<number, Group>();
  readonly meters = new Map<number, Meter>();
  readonly violations: string[] = [];
  readonly faults: Faults = {
    refuses: () => false,
    failsAtCommit: () => false,
    refusesMeter: () => false,
    refusesGroup: () => false,
    mutes: new Set(),
    commitFailures: 0,
    lies: false,
    hasMonitor: true,
  };
  generationId: bigint | undefined;
  flowModsSeen = 0;
  commits = 0;
  config: { flags: string; miss_send_len: number } = { flags: 'OFPC_FRAG_NORMAL', miss_send_len: 128 };
  zonesFlushed: number[] = [];
  readonly #version: Version;
  #reply: (message: Message) => void = () => undefined;
  #bundles = new Map<number, Bundle>();
  #role = 'OFPCR_ROLE_EQUAL';
  #monitors = false;
  #hasSpoken = false;

  constructor(version: Version) {
    this.#version = version;
  }

  /** A controller connects. Whatever the last one left open is gone. */
  connect(reply: (message: Message) => void): void {
    this.#reply = reply;
    this.#bundles = new Map();
    this.#role = 'OFPCR_ROLE_EQUAL';
    this.#monitors = false;
    this.#hasSpoken = false;
    this.#send('OFPT_HELLO', 1, { elements: [{ type: 'OFPHET_VERSIONBITMAP', bitmaps: [1 << this.#version] }] });
  }

  disconnect(): void {
    this.#reply = () => undefined;
    this.#monitors = false;
  }

  /** vswitchd restarts: flows, groups, meters and the generation are gone. */
  restart(): void {
    this.flows.clear();
    this.groups.clear();
    this.meters.clear();
    this.generationId = undefined;
  }

  /** Somebody else adds, changes or removes a flow. */
  tamper(flow: Flow, action: 'put' | 'remove'): void {
    const key = flowKey(flow);
    const before = this.flows.get(key);
    if (action === 'remove') {
      if (this.flows.delete(key)) this.#tell('REMOVED', before ?? flow);
      return;
    }
    this.flows.set(key, flow);
    this.#tell(before ? 'MODIFIED' : 'ADDED', flow);
  }

  /** The monitor runs full: what happens now is not told, and then it says so. */
  tamperUnseen(act: () => void): void {
    const monitored = this.#monitors;
    if (monitored) this.#tellEvent('PAUSED');
    this.#monitors = false;
    act();
    this.#monitors = monitored;
    if (monitored) this.#tellEvent('RESUMED');
  }

  takeMastership(): void {
    this.#role = 'OFPCR_ROLE_SLAVE';
    const body = { role: this.#role, reason: 'OFPCRR_MASTER_REQUEST', generation_id: this.generationId ?? 0n, properties: [] };
    if (this.#version === 4)
      this.#send('OFPT_EXPERIMENTER', 0, { experimenter: 0x4f4e4600, exp_type: 1911, name: 'ONFT_ROLE_STATUS', payload: body });
    else this.#send('OFPT_ROLE_STATUS', 0, body);
  }

  say(message: Message): void {
    this.#reply(message);
  }

  receive(message: Message): void {
    const body = message.body as unknown as Loose;
    if (message.type !== 'OFPT_HELLO' && message.type !== 'OFPT_ECHO_REPLY' && !this.#hasSpoken) {
      this.#hasSpoken = true;
      if (message.type !== 'OFPT_ROLE_REQUEST' || message.body.role !== 'OFPCR_ROLE_SLAVE')
        this.violations.push(`the first request is ${message.type}`);
    }
    switch (message.type) {
      case 'OFPT_ECHO_REQUEST':
        return this.#answer('echo', 'OFPT_ECHO_REPLY', message.xid, { data: message.body.data });
      case 'OFPT_FEATURES_REQUEST':
        return this.#answer('features', 'OFPT_FEATURES_REPLY', message.xid, {
          datapath_id: 0x2an,
          n_buffers: 0,
          n_tables: 254,
          auxiliary_id: 0,
          capabilities: [],
          reserved: 0,
        });
      case 'OFPT_ROLE_REQUEST':
        return this.#changeRole(message.xid, String(message.body.role), message.body.generation_id);
      case 'OFPT_SET_CONFIG':
        this.config = body as never;
        return;
      case 'OFPT_GET_CONFIG_REQUEST':
        return this.#answer('config', 'OFPT_GET_CONFIG_REPLY', message.xid, this.config);
      case 'OFPT_BARRIER_REQUEST':
        return this.#answer('barrier', 'OFPT_BARRIER_REPLY', message.xid, {});
      case 'OFPT_MULTIPART_REQUEST':
        return this.#list(message.xid, body as never);
      case 'OFPT_METER_MOD':
        return this.#meterMod(message);
      case 'OFPT_FLOW_MOD':
      case 'OFPT_GROUP_MOD':
        this.violations.push(`${message.type} outside of a bundle`);
        return;
      case 'OFPT_BUNDLE_CONTROL':
        return this.#control(message.xid, body);
      case 'OFPT_BUNDLE_ADD_MESSAGE':
        return this.#add(message.xid, body);
      case 'OFPT_EXPERIMENTER':
        return this.#experimenter(message.xid, body);
    }
  }

  #experimenter(xid: number, body: Loose): void {
    const payload = body['payload'] as Loose;
    const name = String(body['name']);
    if (name === 'ONFT_BUNDLE_CONTROL') this.#control(xid, payload);
    else if (name === 'ONFT_BUNDLE_ADD_MESSAGE') this.#add(xid, payload);
    else if (name === 'NXT_CT_FLUSH_ZONE') this.zonesFlushed.push(Number(payload['zone_id']));
  }

  #send(type: string, xid: number, body: unknown): void {
    this.#reply({ version: this.#version, type, xid, body } as Message);
  }

  #answer(what: 'commit' | 'barrier' | 'role' | 'echo' | 'features' | 'config', type: string, xid: number, body: unknown): void {
    if (!this.faults.mutes.has(what)) this.#send(type, xid, body);
  }

  #error(xid: number, type: string, code: string): void {
    this.#send('OFPT_ERROR', xid, { type, code, data: new Uint8Array() });
  }

  #changeRole(xid: number, role: string, generationId: bigint): void {
    if (role !== 'OFPCR_ROLE_NOCHANGE') {
      if (this.generationId !== undefined && BigInt.asIntN(64, generationId - this.generationId) < 0n)
        return this.#error(xid, 'OFPET_ROLE_REQUEST_FAILED', 'OFPRRFC_STALE');
      this.generationId = generationId;
      this.#role = role;
    }
    this.#answer('role', 'OFPT_ROLE_REPLY', xid, {
      role: this.#role,
      short_id: 0,
      generation_id: this.generationId ?? 0xffff_ffff_ffff_ffffn,
    });
  }

  #mayWrite(xid: number): boolean {
    if (this.#role === 'OFPCR_ROLE_MASTER') return true;
    if (this.#role === 'OFPCR_ROLE_EQUAL') this.violations.push('wrote while EQUAL');
    this.#error(xid, 'OFPET_BAD_REQUEST', 'OFPBRC_IS_SLAVE');
    return false;
  }

  #control(xid: number, body: Loose): void {
    const id = Number(body['bundle_id']);
    const action = String(body['type']).split('_')[1] ?? '';
    if (!this.#mayWrite(xid)) return;
    if (action === 'OPEN') this.#bundles.set(id, { mods: [], hadError: false });
    const bundle = this.#bundles.get(id);
    if (!bundle) return this.#error(xid, 'OFPET_BUNDLE_FAILED', 'OFPBFC_BAD_ID');
    if (action === 'DISCARD') this.#bundles.delete(id);
    if (action === 'COMMIT' && !this.#commit(xid, id, bundle)) return;
    if (action !== 'COMMIT' || !this.faults.mutes.has('commit')) this.#controlReply(xid, id, `OFPBCT_${action}_REPLY`);
  }

  #controlReply(xid: number, bundleId: number, type: string): void {
    const request = bundleControl(this.#version, xid, bundleId, 'OPEN', ['OFPBF_ATOMIC', 'OFPBF_ORDERED']) as unknown as { body: Loose };
    if (this.#version > 4) this.#send('OFPT_BUNDLE_CONTROL', xid, { ...request.body, type });
    else this.#send('OFPT_EXPERIMENTER', xid, { ...request.body, payload: { ...(request.body['payload'] as object), type } });
  }

  #add(xid: number, body: Loose): void {
    if (!this.#mayWrite(xid)) return;
    const bundle = this.#bundles.get(Number(body['bundle_id']));
    const inner = body['message'] as Message;
    if (!bundle) return this.#error(xid, 'OFPET_BUNDLE_FAILED', 'OFPBFC_BAD_ID');
    if (inner.xid !== xid) this.violations.push('an inner message with another id');
    if (inner.type === 'OFPT_METER_MOD') this.violations.push('a meter-mod in a bundle');
    this.flowModsSeen++;
    if (inner.type === 'OFPT_FLOW_MOD' && inner.body.command === 'OFPFC_ADD' && this.faults.refuses(flowOfMod(inner.body))) {
      bundle.hadError = true;
      return this.#error(xid, 'OFPET_BAD_ACTION', 'OFPBAC_BAD_ARGUMENT');
    }
    if (inner.type === 'OFPT_GROUP_MOD' && this.faults.refusesGroup({ groupId: inner.body.group_id, type: 'all', buckets: [] })) {
      bundle.hadError = true;
      return this.#error(xid, 'OFPET_GROUP_MOD_FAILED', 'OFPGMFC_OUT_OF_GROUPS');
    }
    bundle.mods.push(inner);
  }

  #commit(xid: number, id: number, bundle: Bundle): boolean {
    this.commits++;
    if (bundle.hadError) this.violations.push('COMMIT of a bundle with an error');
    this.#bundles.delete(id);
    if (this.faults.commitFailures > 0) {
      this.faults.commitFailures--;
      this.#error(xid, 'OFPET_BUNDLE_FAILED', 'OFPBFC_MSG_FAILED');
      return false;
    }
    const blamed = bundle.mods.find(
      (mod) => mod.type === 'OFPT_FLOW_MOD' && mod.body.command === 'OFPFC_ADD' && !this.#isInstallable(flowOfMod(mod.body), bundle),
    );
    if (blamed) {
      this.#error(blamed.xid, 'OFPET_FLOW_MOD_FAILED', 'OFPFMFC_TABLE_FULL');
      if (this.faults.lies) return true;
      this.#error(xid, 'OFPET_BUNDLE_FAILED', 'OFPBFC_MSG_FAILED');
      return false;
    }
    for (const mod of bundle.mods) this.#apply(mod);
    if (this.#monitors && bundle.mods.length > 0) this.#tellOwn(bundle.mods[0]?.xid ?? 0);
    return true;
  }

  #isInstallable(flow: Flow, bundle: Bundle): boolean {
    if (this.faults.failsAtCommit(flow)) return false;
    for (const instruction of flow.instructions) {
      if (instruction.kind === 'meter' && !this.meters.has(instruction.meterId)) return false;
      if (instruction.kind !== 'apply_actions') continue;
      for (const action of instruction.actions) {
        const isAdded = bundle.mods.some(
          (mod) => mod.type === 'OFPT_GROUP_MOD' && action.kind === 'group' && mod.body.group_id === action.groupId,
        );
        if (action.kind === 'group' && !this.groups.has(action.groupId) && !isAdded) return false;
      }
    }
    return true;
  }

  #apply(mod: Message): void {
    if (mod.type === 'OFPT_FLOW_MOD') {
      const flow = flowOfMod(mod.body);
      if (mod.body.command === 'OFPFC_ADD') this.flows.set(flowKey(flow), flow);
      else this.flows.delete(flowKey(flow));
    } else if (mod.type === 'OFPT_GROUP_MOD') {
      const { group_id: groupId, command } = mod.body;
      if (command === 'OFPGC_DELETE') {
        this.groups.delete(groupId);
        for (const [key, flow] of this.flows)
          if (
            JSON.stringify(flow.instructions, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)).includes(
              `"groupId":${groupId}}`,
            )
          )
            this.flows.delete(key);
      } else this.groups.set(groupId, { groupId, type: 'all', buckets: mod.body.buckets.map((bucket) => ({ actions: bucket.actions })) });
    }
  }

  #meterMod(message: Message & { readonly type: 'OFPT_METER_MOD' }): void {
    if (!this.#mayWrite(message.xid)) return;
    const { command, meter_id: meterId, bands } = message.body;
    const meter: Meter = {
      meterId,
      unit: 'kbps',
      burst: false,
      stats: false,
      bands: bands.map((band) => ({ kind: 'drop', rate: 'rate' in band ? band.rate : 0, burst: 0 })),
    };
    if (command !== 'OFPMC_DELETE' && this.faults.refusesMeter(meter))
      return this.#error(message.xid, 'OFPET_METER_MOD_FAILED', 'OFPMMFC_BAD_RATE');
    if (command === 'OFPMC_DELETE') this.meters.delete(meterId);
    else this.meters.set(meterId, meter);
  }

  #list(xid: number, body: { readonly type: string; readonly body: Loose }): void {
    switch (body.type) {
      case 'OFPMP_EXPERIMENTER':
      case 'OFPMP_FLOW_MONITOR':
        if (!this.faults.hasMonitor) this.#error(xid, 'OFPET_BAD_REQUEST', 'OFPBRC_BAD_MULTIPART');
        // Open vSwitch answers in a form that says nothing of the request.
        else if (this.#monitors) this.#error(0, 'OFPET_EXPERIMENTER', 'OFPMOFC_MONITOR_EXISTS');
        else this.#monitors = true;
        return;
      case 'OFPMP_PORT_DESC':
        return this.#parts(xid, body.type, []);
      case 'OFPMP_METER_CONFIG':
        return this.#parts(
          xid,
          body.type,
          [...this.meters.values()].map((meter) => meterMod(this.#version, 0, 'OFPMC_ADD', meter).body),
        );
      case 'OFPMP_GROUP_DESC':
        return this.#parts(
          xid,
          body.type,
          [...this.groups.values()].map((group) => groupMod(this.#version, 0, 'OFPGC_ADD', group).body),
        );
      case 'OFPMP_FLOW':
        return this.#parts(
          xid,
          body.type,
          [...this.flows.values()].map((flow) => this.#entry(flow)),
        );
    }
  }

  #entry(flow: Flow): object {
    const mod = flowMod(this.#version, 0, 'OFPFC_ADD', flow).body as unknown as object;
    return { ...mod, duration_sec: 0, duration_nsec: 0, importance: 0, packet_count: 0n, byte_count: 0n, stats: [] };
  }

  #parts(xid: number, type: string, entries: readonly unknown[]): void {
    for (let index = 0; index === 0 || index < entries.length; index += flowsPerPart) {
      const isLast = index + flowsPerPart >= entries.length;
      if (isLast && type === 'OFPMP_FLOW' && this.faults.mutes.has('last-part')) return;
      this.#send('OFPT_MULTIPART_REPLY', xid, {
        type,
        flags: isLast ? [] : ['OFPMPF_MORE'],
        body: entries.slice(index, index + flowsPerPart),
      });
    }
  }

  #tell(event: 'ADDED' | 'REMOVED' | 'MODIFIED', flow: Flow): void {
    if (!this.#monitors) return;
    const update = {
      event: `OFPFME_${event}`,
      table_id: flow.tableId,
      reason: 'OFPRR_DELETE',
      idle_timeout: 0,
      hard_timeout: 0,
      priority: flow.priority,
      cookie: flow.cookie,
      match: flow.match,
    };
    this.#update({ ...update, instructions: event === 'REMOVED' ? [] : flow.instructions });
  }

  #tellOwn(xid: number): void {
    this.#update({ event: 'OFPFME_ABBREV', xid });
  }

  #tellEvent(event: 'PAUSED' | 'RESUMED'): void {
    if (this.#version > 4) this.#update({ event: `OFPFME_${event}` });
    else
      this.#send('OFPT_EXPERIMENTER', 0, {
        experimenter: 0x4f4e4600,
        exp_type: event === 'PAUSED' ? 1871 : 1872,
        name: `ONFT_FLOW_MONITOR_${event}`,
        payload: {},
      });
  }

  #update(update: object): void {
    const body = this.#version > 4 ? [update] : { experimenter: 0x4f4e4600, exp_type: 1870, name: 'ONFMP_FLOW_MONITOR', entries: [update] };
    this.#send('OFPT_MULTIPART_REPLY', 0, { type: this.#version > 4 ? 'OFPMP_FLOW_MONITOR' : 'OFPMP_EXPERIMENTER', flags: [], body });
  }
}

function flowOfMod(body: Loose): Flow {
  const mod = body as unknown as {
    table_id: number;
    priority: number;
    cookie: bigint;
    match: Flow['match'];
    instructions: Flow['instructions'];
  };
  return { tableId: mod.table_id, priority: mod.priority, cookie: mod.cookie, match: mod.match, instructions: mod.instructions };
}

/** Through the wire and back, so that what the model says is what the codec can carry. */
export const encoded = (message: Message): Uint8Array => encode(message);
