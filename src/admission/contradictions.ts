import { conflictsOf } from '../../policies/intents/index.ts';
import type { Comparable, Conflict } from '../../policies/intents/index.ts';
import type { DocumentOfKind } from './keys.ts';
import type { Snapshot } from './ports.ts';

type Intent = DocumentOfKind<'Intent'>;

export type Contradictions = ReadonlyMap<Intent, readonly Conflict[]>;

const comparable = ({ metadata, spec }: Intent): Comparable => ({ name: metadata.name, order: spec.order, meaning: spec.meaning });

/**
 * Where intents, stored or not yet stored, contradict others of their owner, by who is there. To be run to its end, in slices if need be: what is
 * committed meanwhile may count already.
 */
export function* contradictions(snapshot: Snapshot, intents: readonly Intent[]): Generator<undefined, Contradictions> {
  const found = new Map<Intent, readonly Conflict[]>();
  const world = { get: snapshot.get.bind(snapshot), list: snapshot.list.bind(snapshot) };
  for (const [tenant, own] of Map.groupBy(intents, ({ metadata }) => metadata.tenant)) {
    const others = [...snapshot.list('Intent', tenant ?? null)].map(({ document }) => comparable(document));
    const conflicts = yield* conflictsOf(own.map(comparable), others, tenant, world);
    for (const [index, intent] of own.entries()) found.set(intent, conflicts[index] ?? []);
  }
  return found;
}
