import { flowKey } from '../../../flows/model/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { flowOf } from '../../../flows/openflow/index.ts';
import type { FlowEntry } from '../../../flows/openflow/index.ts';
import { actionsText, cookieOf, matchText, tableNameOf, wholeCookie } from '../../../flows/pipeline/index.ts';
import type { FlowReading } from '../../../flows/session/index.ts';
import type { ElementKey } from '../../../policies/compiled.ts';
import type { LiveFlow } from '../ports.ts';

const elementsMax = 256;
const entriesMax = 4_096;

/** The elements' flows by their cookies, which a switch finds without looking at the others. */
export function readingOf(elements: ReadonlySet<ElementKey>): FlowReading {
  const filters = [...elements].slice(0, elementsMax).map((element) => ({ cookie: cookieOf(element), cookieMask: wholeCookie }));
  return { kind: 'entries', filters, entriesMax };
}

/**
 * In the order of the pipeline. A switch writes matches in other words than those that it was told; a flow that is `wanted` as it is
 * there stands as it was told.
 */
export function liveFlows(
  entries: readonly FlowEntry[],
  elements: ReadonlySet<ElementKey>,
  wanted: (key: string) => Flow | undefined,
): readonly LiveFlow[] {
  const owners = new Map([...elements].map((element) => [cookieOf(element), element]));
  return entries
    .toSorted((a, b) => a.table_id - b.table_id || b.priority - a.priority)
    .flatMap((entry): LiveFlow[] => {
      const element = owners.get(entry.cookie);
      if (element === undefined) return [];
      const installed = flowOf(entry);
      const flow = wanted(flowKey(installed)) ?? installed;
      return [
        {
          element,
          table: tableNameOf(flow.tableId),
          priority: flow.priority,
          match: matchText(flow.match),
          actions: actionsText(installed.instructions),
          ...countersOf(entry),
        },
      ];
    });
}

function countersOf(entry: FlowEntry): Pick<LiveFlow, 'packets' | 'bytes'> {
  if ('packet_count' in entry) return { packets: Number(entry.packet_count), bytes: Number(entry.byte_count) };
  const counted = (field: 'packet_count' | 'byte_count'): number => {
    const found = entry.stats.find((statistic) => statistic.field === field);
    return found && found.field !== 'oxs' ? Number(found.value) : 0;
  };
  return { packets: counted('packet_count'), bytes: counted('byte_count') };
}
