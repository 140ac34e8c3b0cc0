import { conflictsOf } from '../../policies/intents/index.ts';
import type { Comparable, Conflict } from '../../policies/intents/index.ts';
import type { DocumentOfKind } from './keys.ts';
import type { Snapshot } from './ports.ts';

type Intent = DocumentOfKind<'Intent'>;

const comparable = ({ metadata, spec }: Intent): Comparable => ({ name: metadata.name, order: spec.order, meaning: spec.meaning });

/** Where intents, stored or not yet stored, contradict others of their owner, by the snapshot's members; in the order given. */
export function contradictions(snapshot: Snapshot, intents: readonly Intent[]): readonly (readonly Conflict[])[] {
  const [first] = intents;
  if (first === undefined) return [];
  const { tenant } = first.metadata;
  const others = [...snapshot.list('Intent', tenant ?? null)].map(({ document }) => comparable(document));
  const world = { get: snapshot.get.bind(snapshot), list: snapshot.list.bind(snapshot) };
  return conflictsOf(intents.map(comparable), others, tenant, world);
}
