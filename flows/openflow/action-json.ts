import type { Action, ActionKind, LearnSpec, Subfield, WholeField } from '../model/action.ts';
import { fieldOf, isFieldName } from '../model/field.ts';
import { fieldFromJson, fieldToJson } from './oxm.ts';
import { bigOf, hexOf, integerOf, malformed, objectOf } from './shape.ts';
import type { Json } from './shape.ts';

/** Members of the domain are camelCase, those of JSON the specification's snake_case. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** How a member is checked on the way in; on the way out its type says enough. `?` marks what may be absent. */
type Rule =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'u128'
  | 'hex'
  | 'flag'
  | 'u16list'
  | 'subfield'
  | 'whole'
  | 'zone'
  | 'actions'
  | 'specs'
  | 'result'
  | 'direction'
  | 'form';
type Members = Readonly<Record<string, Rule | `${Rule}?`>>;

const move: Members = { src: 'subfield', dst: 'subfield' };
const ethertype: Members = { ethertype: 'u16' };
const ttl: Members = { ttl: 'u8' };
const bare: Members = {};

/** Members of each action. `set_field` and `reg_load2` are match fields besides. */
const membersOf: Readonly<Record<ActionKind, Members>> = {
  output: { port: 'u32', maxLen: 'u16?' },
  group: { groupId: 'u32' },
  set_queue: { queueId: 'u32' },
  meter: { meterId: 'u32' },
  set_field: bare,
  reg_load2: bare,
  push_vlan: ethertype,
  push_mpls: ethertype,
  push_pbb: ethertype,
  pop_mpls: ethertype,
  set_nw_ttl: ttl,
  set_mpls_ttl: ttl,
  pop_vlan: bare,
  pop_pbb: bare,
  dec_nw_ttl: bare,
  dec_mpls_ttl: bare,
  copy_ttl_out: bare,
  copy_ttl_in: bare,
  ct_clear: bare,
  exit: bare,
  pop_queue: bare,
  dec_nsh_ttl: bare,
  copy_field: move,
  reg_move: move,
  reg_load: { dst: 'subfield', value: 'u64' },
  resubmit: { inPort: 'u16?', table: 'u8?', ct: 'flag?' },
  ct: { commit: 'flag?', force: 'flag?', otherFlags: 'u16?', zone: 'zone?', table: 'u8?', alg: 'u16?', actions: 'actions' },
  nat: {
    direction: 'direction?',
    persistent: 'flag?',
    hash: 'flag?',
    random: 'flag?',
    ipv4Min: 'u32?',
    ipv4Max: 'u32?',
    ipv6Min: 'u128?',
    ipv6Max: 'u128?',
    protoMin: 'u16?',
    protoMax: 'u16?',
  },
  conjunction: { id: 'u32', clause: 'u8', clauses: 'u8' },
  learn: {
    idleTimeout: 'u16',
    hardTimeout: 'u16',
    priority: 'u16',
    cookie: 'u64',
    flags: 'u16',
    tableId: 'u8',
    finIdleTimeout: 'u16',
    finHardTimeout: 'u16',
    limit: 'u32?',
    result: 'result?',
    specs: 'specs',
  },
  note: { note: 'hex' },
  clone: { actions: 'actions' },
  controller: { maxLen: 'u16', controllerId: 'u16', reason: 'u8' },
  controller2: { maxLen: 'u16?', controllerId: 'u16?', reason: 'u8?', userdata: 'hex?', pause: 'flag?', meterId: 'u32?' },
  dec_ttl_cnt_ids: { controllerIds: 'u16list' },
  check_pkt_larger: { pktLen: 'u16', dst: 'whole', offset: 'u16' },
  stack_push: { subfield: 'subfield' },
  stack_pop: { subfield: 'subfield' },
  output_reg: { form: 'form', src: 'subfield', maxLen: 'u16' },
  output_trunc: { port: 'u16', maxLen: 'u32' },
  set_tunnel: { form: 'form', id: 'u64' },
  multipath: { fields: 'u16', basis: 'u16', algorithm: 'u16', maxLink: 'u16', arg: 'u32', dst: 'subfield' },
  bundle: { algorithm: 'u16', fields: 'u16', basis: 'u16', members: 'u16list', dst: 'subfield?' },
  fin_timeout: { finIdleTimeout: 'u16', finHardTimeout: 'u16' },
  sample: {
    form: 'form',
    probability: 'u16',
    collectorSetId: 'u32',
    obsDomainId: 'u32',
    obsPointId: 'u32',
    samplingPort: 'u16?',
    direction: 'u8?',
  },
  delete_field: { dst: 'whole' },
  write_metadata_action: { metadata: 'u64', mask: 'u64' },
  encap: { headerBytes: 'u16', newPacketType: 'u32', properties: 'hex' },
  decap: { newPacketType: 'u32' },
  unknown: { bytes: 'hex' },
};

/** Forms of the actions that have several: wire variants of one meaning. */
const formsOf: Partial<Record<ActionKind, readonly number[]>> = { output_reg: [1, 2], set_tunnel: [32, 64], sample: [1, 2, 3] };

const nestingMax = 8;

function wholeFromJson(json: unknown, path: string): WholeField {
  const given = objectOf(json, path);
  const name = given['field'];
  if (typeof name !== 'string' || !isFieldName(name)) throw malformed(`${path}/field`, 'names no match field');
  return {
    field: name,
    ...(given['bytes'] !== undefined && fieldOf(name).variable && { bytes: integerOf(given['bytes'], `${path}/bytes`, 124) }),
  };
}

function subfieldFromJson(json: unknown, path: string): Subfield {
  const given = objectOf(json, path);
  return {
    ...wholeFromJson(json, path),
    offset: integerOf(given['offset'], `${path}/offset`, 1023),
    bits: integerOf(given['bits'], `${path}/bits`, 1023),
  };
}

function placedFromJson(json: unknown, path: string): WholeField & { readonly offset: number } {
  return { ...wholeFromJson(json, path), offset: integerOf(objectOf(json, path)['offset'], `${path}/offset`, 1023) };
}

function endFromJson(json: unknown, path: string, member: 'src' | 'dst'): { readonly whole: WholeField; readonly offset: number } {
  const given = objectOf(json, path);
  return { whole: wholeFromJson(given[member], `${path}/${member}`), offset: integerOf(given['offset'], `${path}/offset`, 1023) };
}

function specFromJson(json: unknown, path: string): LearnSpec {
  const given = objectOf(json, path);
  const bits = integerOf(given['bits'], `${path}/bits`, 1023);
  const source = objectOf(given['source'], `${path}/source`);
  const target = objectOf(given['target'], `${path}/target`);
  const from = source['kind'] === 'immediate' ? undefined : endFromJson(source, `${path}/source`, 'src');
  const targetKind = target['kind'];
  if (targetKind !== 'match' && targetKind !== 'load' && targetKind !== 'output')
    throw malformed(`${path}/target/kind`, 'must be match, load or output');
  const to = targetKind === 'output' ? undefined : endFromJson(target, `${path}/target`, 'dst');
  return {
    bits,
    source: from
      ? { kind: 'field', src: from.whole, offset: from.offset }
      : { kind: 'immediate', value: bigOf(source['value'], `${path}/source/value`, Math.ceil(bits / 16) * 16) },
    target: to && targetKind !== 'output' ? { kind: targetKind, dst: to.whole, offset: to.offset } : { kind: 'output' },
  };
}

function listOf<T>(json: unknown, path: string, parse: (element: unknown, at: string) => T): T[] {
  if (!Array.isArray(json)) throw malformed(path, 'must be a list');
  return json.map((element, index) => parse(element, `${path}/${index}`));
}

interface Place {
  readonly version: number;
  readonly depth: number;
  readonly kind: ActionKind;
}

const parsers: Readonly<Record<Rule, (json: unknown, path: string, place: Place) => unknown>> = {
  u8: (json, path) => integerOf(json, path, 0xff),
  u16: (json, path) => integerOf(json, path, 0xffff),
  u32: (json, path) => integerOf(json, path, 0xffffffff),
  u64: (json, path) => bigOf(json, path, 64),
  u128: (json, path) => bigOf(json, path, 128),
  hex: hexOf,
  flag: (json, path) => {
    if (typeof json !== 'boolean') throw malformed(path, 'must be true or false');
    return json;
  },
  u16list: (json, path) => listOf(json, path, (element, at) => integerOf(element, at, 0xffff)),
  subfield: subfieldFromJson,
  whole: wholeFromJson,
  zone: (json, path) => (typeof json === 'number' ? integerOf(json, path, 0xffff) : subfieldFromJson(json, path)),
  actions: (json, path, { version, depth }) => listOf(json, path, (element, at) => actionFromJson(element, at, version, depth + 1)),
  specs: (json, path) => listOf(json, path, specFromJson),
  result: placedFromJson,
  direction: (json, path) => {
    if (json !== 'src' && json !== 'dst') throw malformed(path, 'must be src or dst');
    return json;
  },
  form: (json, path, { kind }) => {
    const forms = formsOf[kind] ?? [];
    if (typeof json !== 'number' || !forms.includes(json)) throw malformed(path, `must be one of ${forms.join(', ')}`);
    return json;
  },
};

function isKind(kind: unknown): kind is ActionKind {
  return typeof kind === 'string' && Object.hasOwn(membersOf, kind);
}

export function actionFromJson(json: unknown, path: string, version: number, depth: number): Action {
  if (depth > nestingMax) throw malformed(path, `is nested more than ${nestingMax} deep`);
  const given = objectOf(json, path);
  const { kind } = given;
  if (!isKind(kind)) throw malformed(`${path}/kind`, 'names no action');
  const action: Record<string, unknown> = { kind };
  for (const [member, declared] of Object.entries(membersOf[kind])) {
    const name = snake(member);
    const maybe = declared.endsWith('?');
    if (given[name] === undefined && maybe) continue;
    const rule = (maybe ? declared.slice(0, -1) : declared) as Rule;
    action[member] = parsers[rule](given[name], `${path}/${name}`, { version, depth, kind });
  }
  if (kind === 'set_field' || kind === 'reg_load2') Object.assign(action, fieldFromJson(json, path, version));
  return action as unknown as Action;
}

function memberToJson(value: unknown, version: number): Json {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (Array.isArray(value)) return value.map((element) => memberToJson(element, version));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [snake(name), memberToJson(member, version)]));
  return value as Json;
}

export function actionToJson(action: Action, version: number): Json {
  if (action.kind === 'set_field' || action.kind === 'reg_load2') {
    const { kind, ...condition } = action;
    return { kind, ...fieldToJson(condition) };
  }
  return memberToJson(action, version);
}
