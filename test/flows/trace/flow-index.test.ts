import { expect, test } from 'vitest';
import { Random } from '../../../bench/workloads/random.ts';
import { FlowIndex } from '../../../flows/trace/index.ts';
import type { Rule } from '../../../flows/trace/index.ts';
import { packetWords, readField, writeField, writeMasked } from '../../../flows/trace/layout.ts';
import { flowKey } from '../../../flows/model/index.ts';
import type { FieldName, MatchField } from '../../../flows/model/index.ts';

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

const fieldNames = ['reg1', 'reg2', 'metadata', 'xxreg2', 'eth_dst', 'tunnel_id'] as const satisfies readonly FieldName[];

/** Few values and masks, so that flows meet packets and each other. */
function randomValue(random: Random, field: FieldName): number | bigint {
  const value = random.integer(0, 7);
  return field === 'reg1' || field === 'reg2' || field === 'eth_dst' ? value : BigInt(value) << (field === 'xxreg2' ? 70n : 33n);
}

function randomRule(random: Random): Rule {
  const match = fieldNames
    .filter(() => random.chance(0.35))
    .map((field): MatchField => {
      const value = randomValue(random, field);
      return random.chance(0.5) ? { field, value } : { field, value, mask: randomValue(random, field) };
    });
  return { tableId: random.integer(0, 1), priority: random.integer(1, 9), match, instructions: [] };
}

function meets(rule: Rule, packet: Uint32Array): boolean {
  return rule.match.every((condition) => {
    if (condition.field === 'oxm') return false;
    const held = BigInt(readField(packet, condition.field));
    const mask = condition.mask === undefined ? ~0n : BigInt(condition.mask);
    return ((held ^ BigInt(condition.value)) & mask) === 0n;
  });
}

test(`finds what a scan of all flows finds, while flows come and go (seed ${seed})`, () => {
  const random = new Random(seed);
  const index = new FlowIndex();
  const present = new Map<string, Rule>();
  let met = 0;
  for (let step = 0; step < 4000; step++) {
    const rule = random.chance(0.6) ? randomRule(random) : random.pick([...present.values()]);
    if (rule && random.chance(0.6)) {
      index.put(rule);
      present.set(flowKey(rule), rule);
    } else if (rule) {
      index.remove(flowKey(rule));
      present.delete(flowKey(rule));
    }
    const packet = new Uint32Array(packetWords);
    for (const field of fieldNames) writeField(packet, field, randomValue(random, field));
    const expected = [...present.values()].filter((each) => each.tableId === 0 && meets(each, packet));
    const highest = Math.max(-1, ...expected.map(({ priority }) => priority));
    const hit = index.lookUp(0, packet);
    expect(hit?.rule.priority ?? -1).toBe(highest);
    expect(hit === undefined || meets(hit.rule, packet)).toBe(true);
    if (hit) met++;
  }
  expect(index.size).toBe(present.size);
  expect(met).toBeGreaterThan(1000);
});

const clause = (priority: number, match: readonly MatchField[], id: number, number: number, clauses: number): Rule => ({
  tableId: 0,
  priority,
  match,
  instructions: [{ kind: 'apply_actions', actions: [{ kind: 'conjunction', id, clause: number, clauses }] }],
});
const plain = (priority: number, match: readonly MatchField[]): Rule => ({ tableId: 0, priority, match, instructions: [] });

test('a conjunction counts when all of its clauses are met at its priority, and not before', () => {
  const decided = plain(50, [{ field: 'conj_id', value: 7 }]);
  const other = plain(30, []);
  const index = new FlowIndex([
    clause(50, [{ field: 'reg1', value: 1 }], 7, 0, 3),
    clause(50, [{ field: 'reg2', value: 1 }], 7, 1, 3),
    clause(50, [{ field: 'reg2', value: 2 }], 7, 1, 3),
    clause(50, [{ field: 'reg3', value: 4, mask: 4 }], 7, 2, 3),
    clause(40, [{ field: 'reg3', value: 8, mask: 8 }], 7, 2, 3),
    decided,
    other,
  ]);
  const ask = (...registers: readonly number[]): Rule | undefined => {
    const packet = new Uint32Array(packetWords);
    for (const [at, value] of registers.entries()) writeField(packet, `reg${at + 1}` as FieldName, value);
    return index.lookUp(0, packet)?.rule;
  };
  expect(ask(1, 2, 5)).toBe(decided);
  expect(ask(1, 1, 4)).toBe(decided);
  expect(ask(1, 3, 4)).toBe(other);
  expect(ask(0, 2, 4)).toBe(other);
  // The third clause stands at another priority.
  expect(ask(1, 2, 8)).toBe(other);
  index.put(plain(60, [{ field: 'reg1', value: 1 }]));
  expect(ask(1, 2, 5)?.priority).toBe(60);
});

test('a flow without the prerequisites of its fields meets nothing, as a switch would refuse it', () => {
  const index = new FlowIndex([plain(10, [{ field: 'tcp_dst', value: 0 }])]);
  expect(index.lookUp(0, new Uint32Array(packetWords))).toBeUndefined();
  expect(index.size).toBe(1);
});

test('a field in parts: masked, in several words, beside its neighbours', () => {
  const packet = new Uint32Array(packetWords);
  writeField(packet, 'xxreg1', 0x0123_4567_89ab_cdef_0fed_cba9_8765_4321n);
  expect(['reg4', 'reg5', 'reg6', 'reg7'].map((name) => readField(packet, name as FieldName))).toEqual([
    0x01234567, 0x89abcdef, 0x0fedcba9, 0x87654321,
  ]);
  writeMasked(packet, 'xreg2', 0xffn << 28n, 0xffn << 28n);
  expect(readField(packet, 'xreg2')).toBe(0x0123_456f_f9ab_cdefn);
  writeField(packet, 'ip_tos', 0xff);
  writeField(packet, 'ip_dscp', 46);
  expect([readField(packet, 'ip_tos'), readField(packet, 'ip_ecn')]).toEqual([(46 << 2) | 3, 3]);
});
