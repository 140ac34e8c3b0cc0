import { reservedPort } from '../model/index.ts';
import type { Action, ActionOf, Bucket, Conntrack, Group, Instruction, MatchField, Subfield } from '../model/index.ts';
import type { FlowIndex, Hit } from './flow-index.ts';
import { copyBits, readBits, readField, wordOf, writeBits, writeField, writeMasked } from './layout.ts';
import type { Effect, Step, Trace, Tracking } from './outcome.ts';
import { ethertypes, hasField } from './prerequisites.ts';

export interface TraceOptions {
  /** The port whose packets are sent to `tun_dst`. */
  readonly tunnelPort?: number;
  /** What connection tracking says of a packet, asked at each `ct` that leads to a table; `pass` counts from 0. */
  readonly track: (asked: { readonly zone: number; readonly pass: number }) => Tracking;
  readonly groups?: ReadonlyMap<number, Group>;
}

/** Open vSwitch's own bounds (ofproto-dpif-xlate.c): beyond them it drops the packet whole. */
const depthMax = 64;
const lookupsMax = 4096;
const passesMax = 64;

/** What the rest of a list of actions does: goes on; is left out; or the whole pass is over. */
type Flow = 'on' | 'return' | 'exit';

interface Pass {
  readonly number: number;
  readonly table: number;
  readonly packet: Uint32Array;
  readonly actionSet: readonly Action[];
}

/**
 * A packet's way through the tables, as Open vSwitch takes it. `packet` is left as it is. Meters let it pass; `learn` teaches nothing; of
 * a `select` group the first bucket is taken.
 */
export function trace(index: FlowIndex, packet: Uint32Array, options: TraceOptions): Trace {
  const run = new Run(index, options);
  run.start(packet);
  return run.finish();
}

const words = {
  inPort: wordOf('in_port'),
  ethType: wordOf('eth_type'),
  ttl: wordOf('ip_ttl'),
  ctState: wordOf('ct_state'),
  ctZone: wordOf('ct_zone'),
  vlanTci: wordOf('vlan_tci'),
} as const;

const connectionFields = [
  ...(['ct_state', 'ct_zone', 'ct_mark', 'ct_label', 'ct_nw_proto', 'ct_nw_src', 'ct_nw_dst'] as const),
  ...(['ct_ipv6_src', 'ct_ipv6_dst', 'ct_tp_src', 'ct_tp_dst'] as const),
];

const invalidTtl = 2;
const vlanPresent = 0x1000;

class Run {
  readonly #index: FlowIndex;
  readonly #options: TraceOptions;
  readonly #steps: Step[] = [];
  #effects: Effect[] = [];
  readonly #problems: string[] = [];
  readonly #passes: Pass[] = [];
  #packet: Uint32Array = new Uint32Array(0);
  #pass = 0;
  /** The step whose actions are carried out. */
  #step = 0;
  #actionSet: Action[] = [];
  /** Empty wherever the packet goes to connection tracking. */
  readonly #stack: bigint[] = [];
  #tunnelAtStart = '';
  #lookups = 0;
  #failed = false;

  constructor(index: FlowIndex, options: TraceOptions) {
    this.#index = index;
    this.#options = options;
  }

  /** Pass after pass, in the order in which they were asked for. */
  start(packet: Uint32Array): void {
    this.#passes.push({ number: 0, table: 0, packet: packet.slice(), actionSet: [] });
    for (let next = 0; next < this.#passes.length && !this.#failed; next++) {
      const pass = this.#passes[next];
      if (!pass) break;
      this.#packet = pass.packet;
      this.#pass = pass.number;
      this.#actionSet = [...pass.actionSet];
      this.#tunnelAtStart = this.#tunnelDestination();
      this.#lookups = 0;
      const ended = this.#visit(pass.table, 0);
      if (ended !== 'exit') this.#apply(ordered(this.#actionSet), pass.table, 0);
    }
  }

  finish(): Trace {
    const effects = this.#failed ? [] : this.#effects;
    const left = effects.some(({ kind }) => kind === 'output' || kind === 'tunnel');
    const told = effects.some(({ kind }) => kind === 'controller');
    return { steps: this.#steps, effects, verdict: left ? 'output' : told ? 'controller' : 'dropped', problems: this.#problems };
  }

  #fail(problem: string): Flow {
    this.#problems.push(problem);
    this.#failed = true;
    return 'exit';
  }

  #effect(effect: EffectBody): void {
    this.#effects.push({ ...effect, step: this.#step });
  }

  #visit(tableId: number, depth: number): Flow {
    if (depth > depthMax || ++this.#lookups > lookupsMax) return this.#fail(`the tables lead too deep at table ${tableId}`);
    const hit = this.#index.lookUp(tableId, this.#packet);
    const place = this.#steps.push({ pass: this.#pass, tableId, hit, after: this.#packet.slice() }) - 1;
    if (!hit) return 'on';
    const caller = this.#step;
    this.#step = place;
    const went = this.#instruct(hit, place, depth);
    this.#step = caller;
    return went;
  }

  /** In the order in which a switch carries instructions out, whatever theirs is (OpenFlow 1.5.1 section 5.5). */
  #instruct(hit: Hit, place: number, depth: number): Flow {
    const { tableId, instructions } = hit.rule;
    let next: number | undefined;
    let went: Flow = 'on';
    for (const instruction of instructions.toSorted((a, b) => orders[a.kind] - orders[b.kind])) {
      if (went === 'on') went = this.#carryOut(instruction, tableId, depth);
      if (instruction.kind === 'goto_table') next = instruction.tableId;
    }
    this.#steps[place] = { pass: this.#pass, tableId, hit, after: this.#packet.slice() };
    if (went !== 'on') return went === 'exit' ? 'exit' : 'on';
    return next === undefined ? 'on' : this.#visit(next, next <= tableId ? depth + 1 : depth);
  }

  #carryOut(instruction: Instruction, tableId: number, depth: number): Flow {
    switch (instruction.kind) {
      case 'meter':
        this.#effect({ kind: 'meter', meterId: instruction.meterId });
        return 'on';
      case 'apply_actions':
        return this.#apply(instruction.actions, tableId, depth);
      case 'clear_actions':
        this.#actionSet = [];
        return 'on';
      case 'write_actions':
        for (const action of instruction.actions)
          this.#actionSet = [...this.#actionSet.filter((each) => slot(each) !== slot(action)), action];
        return 'on';
      case 'write_metadata':
        writeMasked(this.#packet, 'metadata', instruction.metadata, instruction.mask);
        return 'on';
      case 'goto_table':
        return 'on';
      case 'unknown':
        this.#problems.push(`table ${tableId} has an instruction that is not known`);
        return 'on';
    }
  }

  #apply(actions: readonly Action[], tableId: number, depth: number): Flow {
    for (const action of actions) {
      const went = this.#act(action, tableId, depth);
      if (went !== 'on') return went;
    }
    return 'on';
  }

  #act(action: Action, tableId: number, depth: number): Flow {
    switch (action.kind) {
      case 'output':
        return this.#output(action.port);
      case 'output_trunc':
        return this.#output(action.port);
      case 'output_reg':
        return this.#output(Number(readBits(this.#packet, action.src)));
      case 'resubmit':
        return this.#resubmit(action, tableId, depth);
      case 'ct':
        return this.#track(action, tableId, depth);
      case 'clone':
        return this.#aside(action.actions, tableId, depth);
      case 'group':
        return this.#group(action.groupId, tableId, depth);
      case 'dec_nw_ttl':
      case 'dec_ttl_cnt_ids':
        return this.#decrementTtl();
      case 'stack_push':
        this.#stack.push(readBits(this.#packet, action.subfield));
        return 'on';
      case 'stack_pop':
        writeBits(this.#packet, action.subfield, this.#stack.pop() ?? 0n);
        return 'on';
      case 'exit':
        return 'exit';
      case 'meter':
        this.#effect({ kind: 'meter', meterId: action.meterId });
        return 'on';
      case 'controller':
      case 'controller2':
        return this.#tell(action);
      default:
        if (!rewrite(this.#packet, action)) this.#problems.push(`table ${tableId}: the action ${action.kind} cannot be followed`);
        return 'on';
    }
  }

  #output(port: number): Flow {
    const inPort = this.#packet[words.inPort];
    if (port === reservedPort.controller) this.#effect({ kind: 'controller', reason: 1, controllerId: 0, userdata: undefined });
    else if (port === reservedPort.inPort) this.#send(inPort ?? 0);
    else if (port === reservedPort.all || port === reservedPort.flood || port === reservedPort.normal || port === reservedPort.table)
      this.#problems.push(`an output to ${port === reservedPort.normal ? 'NORMAL' : 'many ports'} cannot be followed`);
    // A packet is not sent back to where it came from, unless that was asked for by name.
    else if (port !== inPort) this.#send(port);
    return 'on';
  }

  #send(port: number): void {
    if (port !== this.#options.tunnelPort) return this.#effect({ kind: 'output', port });
    const destination = this.#tunnelDestination();
    // Open vSwitch sends nothing to where the packet came in from, or to nowhere.
    if (destination === '' || destination === this.#tunnelAtStart) return;
    const four = BigInt(readField(this.#packet, 'tun_dst'));
    const address =
      four === 0n ? { family: 6 as const, value: BigInt(readField(this.#packet, 'tun_ipv6_dst')) } : { family: 4 as const, value: four };
    const vni = Number(BigInt(readField(this.#packet, 'tunnel_id')) & 0xff_ffffn);
    this.#effect({ kind: 'tunnel', port, destination: address, vni, packet: this.#packet.slice() });
  }

  #tunnelDestination(): string {
    const [four, six] = [readField(this.#packet, 'tun_dst'), readField(this.#packet, 'tun_ipv6_dst')];
    return four === 0 && six === 0n ? '' : `${four}/${six}`;
  }

  #resubmit({ inPort, table, ct }: ActionOf<'resubmit'>, tableId: number, depth: number): Flow {
    if (ct === true) {
      this.#problems.push('a resubmit by the original tuple cannot be followed');
      return 'on';
    }
    const before = this.#packet[words.inPort] ?? 0;
    if (inPort !== undefined && inPort !== (reservedPort.inPort & 0xffff)) {
      this.#problems.push('a resubmit with another port cannot be followed');
      return 'on';
    }
    const target = table ?? tableId;
    const went = this.#visit(target, depth + 1);
    this.#packet[words.inPort] = before;
    return went === 'exit' ? 'exit' : 'on';
  }

  /** The packet goes on tracked in a pass of its own, and here untracked. */
  #track(action: Conntrack, tableId: number, depth: number): Flow {
    const zone = typeof action.zone === 'object' ? Number(readBits(this.#packet, action.zone)) : (action.zone ?? 0);
    this.#apply(action.actions, tableId, depth);
    if (action.commit === true)
      this.#effect({
        kind: 'commit',
        zone,
        mark: Number(readField(this.#packet, 'ct_mark')),
        label: BigInt(readField(this.#packet, 'ct_label')),
      });
    if (action.table !== undefined) {
      const number = this.#passes.length;
      if (number >= passesMax) return this.#fail('the packet goes through connection tracking again and again');
      const packet = this.#packet.slice();
      learnState(packet, zone, this.#options.track({ zone, pass: number - 1 }));
      this.#passes.push({ number, table: action.table, packet, actionSet: this.#actionSet });
    }
    for (const field of connectionFields) writeField(this.#packet, field, 0);
    return 'on';
  }

  /** What is done to a clone is not done to the packet. */
  #aside(actions: readonly Action[], tableId: number, depth: number): Flow {
    const before = this.#packet;
    const set = this.#actionSet;
    this.#packet = before.slice();
    this.#apply(actions, tableId, depth);
    this.#packet = before;
    this.#actionSet = set;
    return this.#failed ? 'exit' : 'on';
  }

  #group(groupId: number, tableId: number, depth: number): Flow {
    const group = this.#options.groups?.get(groupId);
    if (!group) {
      this.#problems.push(`there is no group ${groupId}`);
      return 'on';
    }
    for (const bucket of bucketsOf(group)) {
      if (this.#aside(ordered(bucket.actions), tableId, depth + 1) === 'exit') return 'exit';
    }
    return 'on';
  }

  #decrementTtl(): Flow {
    const ethType = this.#packet[words.ethType];
    if (ethType !== ethertypes.ipv4 && ethType !== ethertypes.ipv6) return 'on';
    const ttl = this.#packet[words.ttl] ?? 0;
    if (ttl > 1) {
      this.#packet[words.ttl] = ttl - 1;
      return 'on';
    }
    this.#effect({ kind: 'controller', reason: invalidTtl, controllerId: 0, userdata: undefined });
    return 'return';
  }

  #tell(action: ActionOf<'controller'> | ActionOf<'controller2'>): Flow {
    const userdata = action.kind === 'controller2' ? action.userdata : undefined;
    this.#effect({ kind: 'controller', reason: action.reason ?? 1, controllerId: action.controllerId ?? 0, userdata });
    return 'on';
  }
}

type EffectBody = Effect extends infer E ? (E extends { readonly step: number } ? Omit<E, 'step'> : never) : never;

const orders: Readonly<Record<Instruction['kind'], number>> = {
  meter: 0,
  apply_actions: 1,
  clear_actions: 2,
  write_actions: 3,
  write_metadata: 4,
  goto_table: 5,
  unknown: 6,
};

/** What changes the packet and nothing else. False: it cannot be followed. */
function rewrite(packet: Uint32Array, action: Action): boolean {
  switch (action.kind) {
    case 'set_field':
    case 'reg_load2':
      if (hasField(packet, action.field)) writeCondition(packet, action);
      return true;
    case 'copy_field':
    case 'reg_move':
      if (hasField(packet, action.src.field) && hasField(packet, action.dst.field)) copyBits(packet, action.src, action.dst);
      return true;
    case 'reg_load':
      if (hasField(packet, action.dst.field)) writeBits(packet, action.dst, action.value);
      return true;
    case 'set_nw_ttl':
      if (hasField(packet, 'ip_ttl')) packet[words.ttl] = action.ttl;
      return true;
    case 'set_tunnel':
      writeField(packet, 'tunnel_id', action.id);
      return true;
    case 'write_metadata_action':
      writeMasked(packet, 'metadata', action.metadata, action.mask);
      return true;
    case 'push_vlan':
      packet[words.vlanTci] = vlanPresent;
      return true;
    case 'pop_vlan':
      packet[words.vlanTci] = 0;
      return true;
    case 'ct_clear':
      for (const field of connectionFields) writeField(packet, field, 0);
      return true;
    default:
      return withoutEffect.has(action.kind);
  }
}

const withoutEffect: ReadonlySet<Action['kind']> = new Set([
  'conjunction',
  'fin_timeout',
  'learn',
  'note',
  'pop_queue',
  'sample',
  'set_queue',
]);

function writeCondition(packet: Uint32Array, condition: Exclude<MatchField, { readonly field: 'oxm' }>): void {
  if (condition.mask === undefined) writeField(packet, condition.field, condition.value);
  else writeMasked(packet, condition.field, condition.value, condition.mask);
}

function learnState(packet: Uint32Array, zone: number, { state, mark, label, original }: Tracking): void {
  packet[words.ctState] = state;
  packet[words.ctZone] = zone;
  if (mark !== undefined) writeField(packet, 'ct_mark', mark);
  if (label !== undefined) writeField(packet, 'ct_label', label);
  if (original === undefined) return;
  const { source, destination, protocol } = original;
  const [from, to] = source.address.family === 4 ? (['ct_nw_src', 'ct_nw_dst'] as const) : (['ct_ipv6_src', 'ct_ipv6_dst'] as const);
  writeField(packet, from, source.address.value);
  writeField(packet, to, destination.address.value);
  writeField(packet, 'ct_nw_proto', protocol);
  writeField(packet, 'ct_tp_src', source.port);
  writeField(packet, 'ct_tp_dst', destination.port);
}

function bucketsOf({ type, buckets }: Group): readonly Bucket[] {
  return type === 'all' ? buckets : buckets.slice(0, 1);
}

/** Of an action set: there is one action for each slot. */
function slot(action: Action): string {
  const target = (subfield: Pick<Subfield, 'field'>): string => `set ${subfield.field}`;
  if (action.kind === 'set_field') return target(action);
  return action.kind === 'copy_field' || action.kind === 'reg_move' || action.kind === 'reg_load' ? target(action.dst) : action.kind;
}

const last: ReadonlySet<Action['kind']> = new Set(['group', 'output', 'resubmit', 'ct', 'output_reg', 'controller', 'controller2']);

/** As an action set is carried out: what sends the packet comes last (OpenFlow 1.5.1 section 5.6). */
function ordered(actions: readonly Action[]): readonly Action[] {
  return [...actions.filter(({ kind }) => !last.has(kind)), ...actions.filter(({ kind }) => last.has(kind))];
}
