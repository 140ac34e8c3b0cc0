import * as fc from 'fast-check';
import type { Action, FieldMatch, FieldName, Flow, Instruction, Match } from '../../../flows/model/index.ts';
import { fieldOf } from '../../../flows/model/index.ts';

/** Random flows that Open vSwitch accepts: prerequisites come first, and no bit of a value stands outside of its mask. */

/** A real switch takes flows only for groups and meters that it has. */
export const anyGroupId = 7;
export const anyMeterId = 0x0102;

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const big = (bits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });

/** Some value of the field; masked half of the time when it may be. */
function condition(field: FieldName, maskable = true): fc.Arbitrary<FieldMatch> {
  const { widthBits, wide } = fieldOf(field);
  const number = (value: bigint): number | bigint => (wide ? value : Number(value));
  const full = (1n << BigInt(widthBits)) - 1n;
  return fc.tuple(big(widthBits), fc.bigInt({ min: 1n, max: full }), fc.boolean()).map(([value, mask, masked]) => {
    if (!maskable || !masked || mask === full) return { field, value: number(value) };
    return { field, value: number(value & mask), mask: number(mask) };
  });
}

function prefix(field: FieldName): fc.Arbitrary<FieldMatch> {
  const { widthBits, wide } = fieldOf(field);
  const number = (value: bigint): number | bigint => (wide ? value : Number(value));
  return fc.tuple(big(widthBits), fc.integer({ min: 1, max: widthBits })).map(([value, length]) => {
    if (length === widthBits) return { field, value: number(value) };
    const mask = ((1n << BigInt(length)) - 1n) << BigInt(widthBits - length);
    return { field, value: number(value & mask), mask: number(mask) };
  });
}

/** Connection state: tracked, and some others. */
const ctState: fc.Arbitrary<FieldMatch> = fc
  .tuple(fc.integer({ min: 0, max: 31 }), fc.integer({ min: 0, max: 31 }))
  .map(([value, mask]) => ({
    field: 'ct_state',
    value: (value & mask) | 0x20,
    mask: mask | 0x20,
  }));

function maybe<T>(...arbitraries: readonly fc.Arbitrary<T>[]): fc.Arbitrary<T[]> {
  return fc
    .tuple(...arbitraries.map((arbitrary) => fc.option(arbitrary, { nil: undefined, freq: 1 })))
    .map((values) => values.filter((value): value is T => value !== undefined));
}

const inPort: fc.Arbitrary<FieldMatch> = fc.integer({ min: 1, max: 0xfeff }).map((value) => ({ field: 'in_port', value }));

const general = maybe(
  inPort,
  condition('metadata'),
  condition('reg8'),
  condition('reg15'),
  condition('xreg2'),
  condition('xxreg0'),
  condition('xxreg3').map((match): FieldMatch => ({
    ...match,
    field: 'xreg3',
    value: BigInt(match.value) & 0xffff_ffffn,
    mask: 0xffff_ffffn,
  })),
  condition('pkt_mark'),
  condition('conj_id', false),
  condition('tunnel_id'),
  prefix('tun_src'),
  condition('eth_dst'),
  condition('eth_src', false),
  ctState,
  condition('ct_zone', false),
  condition('ct_mark'),
  condition('ct_label'),
);

const exact = (field: FieldName, value: number): FieldMatch => ({ field, value });

function transport(...fields: readonly FieldName[]): fc.Arbitrary<FieldMatch[]> {
  return maybe(...fields.map((field) => condition(field)));
}

const protocolOf = (v6: boolean): fc.Arbitrary<FieldMatch[]> =>
  fc.oneof(
    fc.constant<FieldMatch[]>([]),
    transport('tcp_src', 'tcp_dst').map((rest): FieldMatch[] => [exact('ip_proto', 6), ...rest]),
    transport('udp_src', 'udp_dst').map((rest): FieldMatch[] => [exact('ip_proto', 17), ...rest]),
    transport('sctp_dst').map((rest): FieldMatch[] => [exact('ip_proto', 132), ...rest]),
    v6
      ? fc.constant<FieldMatch[]>([exact('ip_proto', 58), exact('icmpv6_type', 135), { field: 'nd_target', value: 0xfe80n << 112n }])
      : fc.integer({ min: 0, max: 255 }).map((type): FieldMatch[] => [exact('ip_proto', 1), exact('icmpv4_type', type)]),
    fc.constant<FieldMatch[]>([exact('ip_proto', 47)]),
  );

const networked: fc.Arbitrary<FieldMatch[]> = fc.oneof(
  fc.constant<FieldMatch[]>([]),
  fc
    .tuple(
      maybe(prefix('ipv4_src'), prefix('ipv4_dst'), condition('ip_dscp', false), condition('ip_ecn', false), condition('ip_ttl', false)),
      protocolOf(false),
    )
    .map(([addresses, protocol]): FieldMatch[] => [exact('eth_type', 0x800), ...addresses, ...protocol]),
  fc
    .tuple(maybe(prefix('ipv6_src'), condition('ipv6_dst')), protocolOf(true))
    .map(([addresses, protocol]): FieldMatch[] => [exact('eth_type', 0x86dd), ...addresses, ...protocol]),
  maybe(
    condition('arp_op', false).map((op): FieldMatch => ({ ...op, value: Number(op.value) % 256 })),
    prefix('arp_spa'),
    condition('arp_tpa', false),
    condition('arp_sha'),
  ).map((rest) => [exact('eth_type', 0x806), ...rest]),
);

/** What was connected is judged by its original tuple: IPv4, tracked. */
const originalTuple = fc
  .tuple(prefix('ct_nw_src'), fc.option(condition('ct_tp_dst'), { nil: undefined }))
  .map(([source, port]): FieldMatch[] => [
    exact('eth_type', 0x800),
    { field: 'ct_state', value: 0x21, mask: 0x21 },
    source,
    ...(port ? [exact('ct_nw_proto', 6), port] : []),
  ]);

const matches: fc.Arbitrary<Match> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(general, networked).map(([a, b]) => [...a, ...b]) },
  { weight: 1, arbitrary: originalTuple },
);

function setField(field: FieldName): fc.Arbitrary<Action> {
  return condition(field).map((match): Action => ({ kind: 'set_field', ...match }));
}

const register = fc.integer({ min: 0, max: 15 }).map((index) => `reg${index}` as FieldName);

const nestable: fc.Arbitrary<Action> = fc.oneof(setField('ct_mark'), setField('ct_label'));

function simpleActions(version: number): fc.Arbitrary<Action> {
  const extension: fc.Arbitrary<Action>[] = [
    fc
      .tuple(register, register, fc.integer({ min: 0, max: 15 }), fc.integer({ min: 2, max: 16 }))
      .map(([from, to, offset, bits]): Action => ({
        kind: 'reg_move',
        src: { field: from, offset, bits },
        dst: { field: to, offset: 0, bits },
      })),
    fc.tuple(register, fc.integer({ min: 2, max: 31 }), u32).map(([field, bits, value]): Action => ({
      kind: 'reg_load',
      dst: { field, offset: 0, bits },
      value: BigInt(value) & ((1n << BigInt(bits)) - 1n),
    })),
  ];
  return fc.oneof(
    fc.integer({ min: 1, max: 0xfeff }).map((port): Action => ({ kind: 'output', port })),
    fc.constant<Action>({ kind: 'group', groupId: anyGroupId }),
    u32.map((queueId): Action => ({ kind: 'set_queue', queueId })),
    setField('reg3'),
    setField('xreg1'),
    setField('xxreg3'),
    setField('metadata'),
    setField('tunnel_id'),
    setField('tun_dst'),
    setField('eth_dst'),
    setField('pkt_mark'),
    fc.constant<Action>({ kind: 'ct_clear' }),
    fc.integer({ min: 0, max: 254 }).map((table): Action => ({ kind: 'resubmit', table })),
    fc
      .tuple(fc.integer({ min: 1, max: 0xfeff }), fc.integer({ min: 0, max: 254 }))
      .map(([port, table]): Action => ({ kind: 'resubmit', inPort: port, table })),
    fc.integer({ min: 1, max: 0xfeff }).map((port): Action => ({ kind: 'resubmit', inPort: port })),
    fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes): Action => ({ kind: 'note', note: Buffer.from(bytes).toString('hex') })),
    fc
      .tuple(fc.integer({ min: 1, max: 0xffff }), register, fc.integer({ min: 0, max: 31 }))
      .map(([pktLen, field, offset]): Action => ({ kind: 'check_pkt_larger', pktLen, dst: { field }, offset })),
    fc
      .tuple(
        register,
        fc.integer({ min: 0, max: 15 }),
        fc.integer({ min: 2, max: 16 }),
        fc.constantFrom('stack_push' as const, 'stack_pop' as const),
      )
      .map(([field, offset, bits, kind]): Action => ({ kind, subfield: { field, offset, bits } })),
    fc
      .tuple(fc.integer({ min: 1, max: 0xfeff }), fc.integer({ min: 14, max: 0xffff }))
      .map(([port, maxLen]): Action => ({ kind: 'output_trunc', port, maxLen })),
    ...(version < 6 ? extension : []),
  );
}

/** The helper for FTP needs TCP. */
const conntrack = (isTcp: boolean): fc.Arbitrary<Action> =>
  fc
    .record({
      commit: fc.boolean(),
      zone: fc.oneof(fc.integer({ min: 1, max: 0xffff }), fc.constant({ field: 'reg5' as const, offset: 0, bits: 16 })),
      table: fc.option(fc.integer({ min: 0, max: 254 }), { nil: undefined }),
      nested: fc.array(nestable, { maxLength: 2 }),
      ftp: fc.boolean(),
    })
    .map(({ commit, zone, table, nested, ftp }): Action => ({
      kind: 'ct',
      zone,
      ...(commit && { commit }),
      ...(table !== undefined && { table }),
      ...(commit && ftp && isTcp && { alg: 21 }),
      actions: commit ? nested : [],
    }));

/** Actions whose prerequisites are an IP type in the match. */
function actionLists(version: number, isIp: boolean, isTcp: boolean): fc.Arbitrary<Action[]> {
  const simple = simpleActions(version);
  const clones = fc.array(simple, { minLength: 1, maxLength: 3 }).map((actions): Action => ({ kind: 'clone', actions }));
  const ip = [conntrack(isTcp), fc.constant<Action>({ kind: 'dec_nw_ttl' })];
  return fc.array(
    fc.oneof(
      { weight: 8, arbitrary: simple },
      { weight: 1, arbitrary: clones },
      ...(isIp ? ip.map((arbitrary) => ({ weight: 2, arbitrary })) : []),
    ),
    {
      maxLength: 6,
    },
  );
}

const conjunctions = fc.array(
  fc
    .tuple(u32, fc.integer({ min: 2, max: 64 }), fc.nat(63))
    .map(([id, clauses, clause]): Action => ({ kind: 'conjunction', id, clauses, clause: clause % clauses })),
  { minLength: 1, maxLength: 3 },
);

function instructions(version: number, tableId: number, isIp: boolean, isTcp: boolean): fc.Arbitrary<Instruction[]> {
  const ordinary = fc
    .record({
      meter: fc.option(fc.constant(anyMeterId), { nil: undefined }),
      apply: actionLists(version, isIp, isTcp),
      metadata: fc.option(fc.tuple(big(64), big(64)), { nil: undefined }),
      next: fc.option(fc.integer({ min: tableId + 1, max: 254 }), { nil: undefined }),
      clear: fc.boolean(),
    })
    .map(({ meter, apply, metadata, next, clear }): Instruction[] => [
      ...(meter === undefined ? [] : [{ kind: 'meter', meterId: meter } as const]),
      ...(apply.length === 0 ? [] : [{ kind: 'apply_actions', actions: apply } as const]),
      ...(clear ? [{ kind: 'clear_actions' } as const] : []),
      ...(metadata && metadata[1] !== 0n && metadata[1] !== 0xffff_ffff_ffff_ffffn
        ? [{ kind: 'write_metadata', metadata: metadata[0] & metadata[1], mask: metadata[1] } as const]
        : []),
      ...(next === undefined ? [] : [{ kind: 'goto_table', tableId: next } as const]),
    ]);
  return fc.oneof(
    { weight: 4, arbitrary: ordinary },
    { weight: 1, arbitrary: conjunctions.map((actions): Instruction[] => [{ kind: 'apply_actions', actions }]) },
  );
}

export function flows(version: number): fc.Arbitrary<Flow> {
  return fc.tuple(matches, fc.integer({ min: 0, max: 250 })).chain(([match, tableId]) => {
    const isIp = match.some((part) => part.field === 'eth_type' && (part.value === 0x800 || part.value === 0x86dd));
    const isTcp = match.some((part) => part.field === 'ip_proto' && part.value === 6);
    return fc
      .record({
        priority: fc.integer({ min: 0, max: 0xffff }),
        // All ones would mean: leave the cookie as it is.
        cookie: fc.bigInt({ min: 0n, max: (1n << 64n) - 2n }),
        idle: fc.nat(0xffff),
        hard: fc.nat(0xffff),
        instructions: instructions(version, tableId, isIp, isTcp),
      })
      .map(({ priority, cookie, idle, hard, instructions: list }): Flow => ({
        tableId,
        priority,
        cookie,
        match,
        instructions: list,
        ...(idle > 0 && { idleTimeout: idle }),
        ...(hard > 0 && { hardTimeout: hard }),
      }));
  });
}
