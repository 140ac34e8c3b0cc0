import { baseOwner, portOwner } from '../../../flows/render/index.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { Attached } from './standing.ts';

/** Of which elements whoever asks is told. */
export interface Sight {
  /** Flows and errors. */
  shows(element: string): boolean;
  /** And what a switch has counted: flows that serve everybody count what others send. */
  counts(element: string): boolean;
}

const everything: Sight = { shows: () => true, counts: () => true };

/**
 * A tenant is told of its own interfaces, the networks that they are in and its own rules, and of what every host has. Flows of
 * the platform's rules would say what is in them.
 */
export function sightOf(snapshot: Snapshot, sees: string | undefined, ends: readonly { readonly end: Attached }[]): Sight {
  if (sees === undefined) return everything;
  const number = snapshot.tenantNumbers(sees)?.tenant;
  const own = ends
    .filter(({ end }) => end.tenant === sees)
    .flatMap(({ end }) => [`interface/${end.portId}`, portOwner(end.portId), `network/${end.network.spec.vni}`]);
  const keys = new Set([`tenant/${number}`, ...own]);
  const counts = (element: string): boolean => keys.has(element) || element.startsWith(`rule/${number}/tenant/`);
  return { shows: (element) => element === baseOwner || counts(element), counts };
}
