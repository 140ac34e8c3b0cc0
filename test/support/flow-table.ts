import type { Action, FieldMatch, FieldName, Flow, Instruction } from '../../flows/model/index.ts';
import { instructionsKey, isOpaque } from '../../flows/model/index.ts';

/**
 * A packet on its way through tables, without a switch: matches, `goto_table`, `write_metadata` and conjunctions as ovs-fields(7)
 * defines them. Other instructions and actions have no effect here. Registers do not alias each other.
 */
export type FieldValues = Readonly<Partial<Record<FieldName, number | bigint>>>;

function holds(condition: FieldMatch, packet: FieldValues): boolean {
  const value = BigInt(packet[condition.field] ?? 0);
  const mask = condition.mask === undefined ? -1n : BigInt(condition.mask);
  return (value & mask) === (BigInt(condition.value) & mask);
}

const matches = (flow: Flow, packet: FieldValues): boolean =>
  flow.match.every((condition) => !isOpaque(condition) && holds(condition, packet));

const actionsOf = (flow: Flow): readonly Action[] =>
  flow.instructions.flatMap((instruction) => (instruction.kind === 'apply_actions' ? instruction.actions : []));

const conjunctionsOf = (flow: Flow) => actionsOf(flow).filter((action) => action.kind === 'conjunction');

const isPlain = (flow: Flow): boolean => conjunctionsOf(flow).length === 0;

/** Ids of the conjunctions of which each clause has a flow among these. */
function completed(flows: readonly Flow[]): readonly number[] {
  const clauses = new Map<number, Set<number>>();
  const wanted = new Map<number, number>();
  for (const action of flows.flatMap(conjunctionsOf)) {
    const seen = clauses.get(action.id) ?? new Set();
    clauses.set(action.id, seen.add(action.clause));
    wanted.set(action.id, action.clauses);
  }
  return [...clauses].filter(([id, seen]) => seen.size === wanted.get(id)).map(([id]) => id);
}

/** The flow of a table that a packet meets; undefined: a miss. Throws when two of one priority say different things. */
function lookUp(table: readonly Flow[], packet: FieldValues): Flow | undefined {
  const matching = table.filter((flow) => matches(flow, packet)).toSorted((a, b) => b.priority - a.priority);
  for (const { priority } of matching) {
    const level = matching.filter((flow) => flow.priority === priority);
    const plain = level.filter(isPlain);
    const joined = completed(level).flatMap((id) => lookUp(table.filter(isPlain), { ...packet, conj_id: id }) ?? []);
    const deciding = [...plain, ...joined];
    if (new Set(deciding.map((flow) => instructionsKey(flow.instructions))).size > 1)
      throw new Error(`flows of priority ${priority} decide together in table ${level[0]?.tableId}`);
    if (deciding[0]) return deciding[0];
  }
  return undefined;
}

/** The table to which an instruction leads, and the metadata on the way there. */
function follow(instructions: readonly Instruction[], metadata: bigint): { readonly next: number | undefined; readonly metadata: bigint } {
  let written = metadata;
  let next: number | undefined;
  for (const instruction of instructions) {
    if (instruction.kind === 'write_metadata') written = (written & ~instruction.mask) | (instruction.metadata & instruction.mask);
    if (instruction.kind === 'goto_table') next = instruction.tableId;
  }
  return { next, metadata: written };
}

/** From a table on until one of `ends` is reached: which, with what metadata; undefined when the packet is dropped before. */
export function walk(
  flows: readonly Flow[],
  packet: FieldValues,
  from: number,
  ends: readonly number[],
): { readonly table: number; readonly metadata: bigint } | undefined {
  let table = from;
  let metadata = BigInt(packet.metadata ?? 0);
  while (!ends.includes(table)) {
    const here = table;
    const flow = lookUp(
      flows.filter(({ tableId }) => tableId === here),
      { ...packet, metadata },
    );
    if (!flow) return undefined;
    const way = follow(flow.instructions, metadata);
    if (way.next === undefined) return undefined;
    table = way.next;
    metadata = way.metadata;
  }
  return { table, metadata };
}
