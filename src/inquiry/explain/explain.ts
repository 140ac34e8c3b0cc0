import { actionsText, matchText, tableNameOf } from '../../../flows/pipeline/index.ts';
import type { Rule } from '../../../flows/trace/index.ts';
import { judge, readAddress, readQuestion } from '../../../policies/index.ts';
import type { Question, Verdict } from '../../../policies/index.ts';
import { parseAddress, parseMac } from '../../base/addresses.ts';
import type { Address } from '../../base/addresses.ts';
import { reasonOf, WeirError } from '../../base/errors.ts';
import { AdmissionError } from '../../admission/error.ts';
import type { Snapshot, Stored } from '../../admission/index.ts';
import type { Kind } from '../../../policies/model/index.ts';
import type { Intentions, Seen } from '../../controller/ports.ts';
import type { Blocker, Explain, ExplainedFlow, ExplainedHost, Explanation, ExplainQuestion } from '../ports.ts';
import { explainedEnd, pathOf, recordsOf, summaryOf } from './answer.ts';
import { blocker, documented, forTenant, observed } from './blockers.ts';
import { HostViews } from './host-view.ts';
import type { HostView } from './host-view.ts';
import { pastViews } from './past.ts';
import { explainSide, ruleNumbered } from './sides.ts';
import { sightOf } from './sight.ts';
import type { Sight } from './sight.ts';
import { Snapshots } from './snapshots.ts';
import type { History } from './snapshots.ts';
import { standings } from './standing.ts';
import type { Attached, Standing } from './standing.ts';
import { flowsOf, follow, outcomeOf } from './way.ts';
import type { Leg, Way } from './way.ts';

export interface ExplainPorts {
  readonly snapshot: () => Snapshot;
  readonly history: History;
  readonly read: Seen;
  readonly intentions: Intentions;
  readonly counters: FlowCounters | undefined;
  /** Bytes of the largest IP packet of a guest there. */
  readonly guestMtu: (host: string | undefined) => number;
}

/** What the switches have counted for the flows of some elements. */
export interface FlowCounters {
  /** Rejects with WeirError `switch-unreadable` for a switch that is not connected or does not answer. */
  flowsOf(host: string, elements: ReadonlySet<string>): Promise<readonly CountedFlow[]>;
}

interface CountedFlow {
  readonly element: string;
  readonly table: string;
  readonly priority: number;
  readonly match: string;
  readonly packets: number;
  readonly bytes: number;
}

export function openExplain(ports: ExplainPorts): Explain {
  const views = new HostViews(ports.intentions);
  const snapshots = new Snapshots(ports.history);
  return {
    explain: async (asked) => {
      if (asked.at === undefined) return present(ports, views, asked);
      const snapshot = await snapshots.at(asked.at, ports.snapshot());
      const inquiry = inquire(locate(snapshot, asked));
      const past = pastViews(
        snapshot,
        inquiry.ends.map(({ end }) => end),
      );
      const way = walk(inquiry, (host) => past.get(host));
      return answer(ports, inquiry, way, (host) => past.get(host), []);
    },
    rule: async (id, sees) => ruleNumbered(ports.snapshot(), id, sees),
  };
}

/** A host may be given another VM while its flows are read: then they are read again. */
const attemptsMax = 4;

/**
 * Policies, placement and flows are looked at without a pause in between, so that they belong to one revision; the flows are read
 * before, a part at a time.
 */
async function present(ports: ExplainPorts, views: HostViews, asked: ExplainQuestion): Promise<Explanation> {
  for (let attempt = 1; ; attempt++) {
    const located = locate(ports.snapshot(), asked);
    const { revision } = located.snapshot;
    for (const host of hostsOf(located)) if (views.knows(host)) await views.prepare(host);
    const inquiry = inquire(ports.snapshot().revision === revision ? located : locate(ports.snapshot(), asked));
    const isReady = hostsOf(inquiry).every((host) => !views.knows(host) || views.view(host) !== undefined);
    if (!isReady && attempt < attemptsMax) continue;
    const viewOf = (host: string): HostView | undefined => views.view(host);
    const way = walk(inquiry, viewOf);
    const wanted = new Map(way.legs.map((leg) => [leg.host, elementsOf(leg, viewOf)]));
    const concerns = (host: string, element: string): boolean =>
      wanted.get(host)?.has(element) === true || inquiry.ends.some(({ end }) => element.endsWith(`/${end.portId}`));
    const { sight } = inquiry;
    const live = [...observed(inquiry.ends, { ...ports, revision: inquiry.snapshot.revision, concerns, sight })];
    const answered = answer(ports, inquiry, way, viewOf, live);
    return ports.counters === undefined ? answered : counted(answered, ports.counters, sight);
  }
}

/** A question with the places that it means. */
interface Located {
  readonly asked: ExplainQuestion;
  readonly snapshot: Snapshot;
  readonly question: Question;
  readonly from: Standing;
  readonly to: Standing;
  readonly source: Address;
  readonly mac: number | undefined;
  readonly ends: readonly { readonly side: 'from' | 'to'; readonly end: Attached }[];
}

/** And with what the documents say to it. */
interface Inquiry extends Located {
  readonly verdict: Verdict;
  readonly blockers: readonly Blocker[];
  readonly sight: Sight;
}

function locate(snapshot: Snapshot, asked: ExplainQuestion): Located {
  const question = readQuestion(snapshot, asked.tenant, asked);
  const { from, to } = standings(snapshot, question.from, question.to);
  const source = asked.fromAddress === undefined ? from.address : reading('/fromAddress', () => readAddress(asked.fromAddress ?? ''));
  if (source.family !== from.address.family) throw malformedAt('/fromAddress', 'fromAddress is of another family than the connection');
  const mac = asked.fromMac === undefined ? undefined : reading('/fromMac', () => parseMac(asked.fromMac ?? ''));
  const ends = (
    [
      ['from', from],
      ['to', to],
    ] as const
  ).flatMap(([side, end]) => (end.kind === 'interface' ? [{ side, end }] : []));
  return { asked, snapshot, question, from, to, source, mac, ends };
}

function inquire(located: Located): Inquiry {
  const { snapshot, question, from, to, source, mac, ends } = located;
  const blockers = [...documented(snapshot, { from, to, packet: question.packet, source, mac })];
  const tenants = new Set(ends.map(({ end }) => end.tenant));
  const sight = sightOf(snapshot, located.asked.sees, ends);
  return { ...located, verdict: judge(binding(snapshot, tenants), question), blockers, sight };
}

/** The documents with the policies of these tenants and of the platform alone: others bind none of their interfaces. */
function binding(snapshot: Snapshot, tenants: ReadonlySet<string>): Pick<Snapshot, 'get' | 'list'> {
  return {
    get: (kind, tenant, name) => snapshot.get(kind, tenant, name),
    *list<K extends Kind>(kind: K, tenant?: string | null): Iterable<Stored<K>> {
      if (kind !== 'Policy' || tenant !== undefined) return yield* snapshot.list(kind, tenant);
      for (const owner of [null, ...tenants]) yield* snapshot.list(kind, owner);
    },
  };
}

function reading<T>(pointer: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw malformedAt(pointer, reasonOf(thrown));
  }
}

const malformedAt = (pointer: string, detail: string): AdmissionError =>
  new AdmissionError('malformed', detail, { errors: [{ pointer, detail }] });

const hostsOf = ({ ends }: Located): readonly string[] => [
  ...new Set(ends.flatMap(({ end }) => (end.host === undefined ? [] : [end.host]))),
];

function walk({ snapshot, from, to, source, mac, question }: Located, viewOf: (host: string) => HostView | undefined): Way {
  if (from.kind !== 'interface') return { legs: [], arrives: undefined };
  const encapOf = (host: string): Address | undefined => {
    const encap = snapshot.get('Host', undefined, host)?.document.spec.encapIp;
    return encap === undefined ? undefined : parseAddress(encap);
  };
  return follow({ from, to, source, mac: mac ?? from.mac, packet: question.packet }, viewOf, encapOf);
}

function elementsOf(leg: Leg, viewOf: (host: string) => HostView | undefined): ReadonlySet<string> {
  return new Set(flowsOf(leg).flatMap((rule) => viewOf(leg.host)?.ownerOf(rule) ?? []));
}

function answer(
  ports: ExplainPorts,
  inquiry: Inquiry,
  way: Way,
  viewOf: (host: string) => HostView | undefined,
  live: readonly Blocker[],
): Explanation {
  const { asked, snapshot, question, verdict, from, to } = inquiry;
  const { sees } = asked;
  const isGateway = to.kind === 'address' && to.gatewayOf !== undefined && inquiry.blockers.length === 0;
  // A gateway answers for itself, whatever policies say of addresses.
  const allowed = isGateway || verdict.verdict === 'allow';
  const isMeantToArrive = allowed && inquiry.blockers.length === 0;
  const disagrees = way.arrives !== undefined && way.arrives !== isMeantToArrive;
  const detail = `the policies and places mean that it ${isMeantToArrive ? 'arrives' : 'does not arrive'}, the flows ${way.arrives === true ? 'deliver' : 'do not deliver'} it`;
  const all = [...(disagrees ? [blocker('inconsistent', 'both', detail)] : []), ...inquiry.blockers, ...live];
  const blockers = sees === undefined ? all : forTenant(all, sees, from, to);
  const side = (direction: 'egress' | 'ingress', end: Standing) => {
    const judged = verdict[direction];
    return judged && end.kind === 'interface' ? explainSide(snapshot, { direction, tenant: end.tenant, side: judged }, sees) : null;
  };
  const egress = isGateway ? null : side('egress', from);
  const ingress = side('ingress', to);
  const decided = isGateway ? 'allow' : verdict.verdict;
  const base = {
    revision: snapshot.revision,
    passes: allowed && all.length === 0,
    verdict: decided,
    question: { from: explainedEnd(from, asked), to: explainedEnd(to, asked), ...question.packet },
    egress,
    ingress,
    blockers,
  };
  return {
    ...base,
    summary: summaryOf(base),
    path: pathOf(inquiry, ports.guestMtu),
    hosts: way.legs.filter((leg) => isShown(leg, inquiry)).map((leg) => hostOf(leg, ports, inquiry, viewOf(leg.host))),
    records: decided === 'allow' ? recordsOf(inquiry, { egress, ingress }) : [],
  };
}

/** To a tenant the hosts of its own interfaces. */
function isShown({ host }: Leg, { asked: { sees }, ends }: Inquiry): boolean {
  return sees === undefined || ends.some(({ end }) => end.tenant === sees && end.host === host);
}

function hostOf(leg: Leg, { read }: ExplainPorts, { asked: { sees, at }, sight }: Inquiry, view: HostView | undefined): ExplainedHost {
  const flows = flowsOf(leg).flatMap((rule): ExplainedFlow[] => {
    const element = view?.ownerOf(rule);
    return element !== undefined && sight.shows(element) ? [flowOf(rule, element)] : [];
  });
  return {
    name: leg.host,
    role: leg.role,
    ...(at === undefined && { connected: read.hostStatus(leg.host)?.connected === true }),
    flows,
    outcome: outcomeOf(leg, tableNameOf, sees === undefined),
  };
}

const flowOf = (rule: Rule, element: string): ExplainedFlow => ({
  table: tableNameOf(rule.tableId),
  priority: rule.priority,
  match: matchText(rule.match),
  actions: actionsText(rule.instructions),
  element,
});

/** Nothing of a switch that does not answer. */
function unread(error: unknown): readonly CountedFlow[] {
  if (error instanceof WeirError && error.code === 'switch-unreadable') return [];
  throw error;
}

/** With what the switches have counted; a switch that does not answer leaves its flows without. */
async function counted(explanation: Explanation, counters: FlowCounters, sight: Sight): Promise<Explanation> {
  const hosts = await Promise.all(
    explanation.hosts.map(async (host): Promise<ExplainedHost> => {
      const wanted = new Set(host.flows.map(({ element }) => element).filter((element) => sight.counts(element)));
      if (host.connected !== true || wanted.size === 0) return host;
      const live = await counters.flowsOf(host.name, wanted).catch(unread);
      const byFlow = new Map(live.map((flow) => [keyOf(flow), flow]));
      const flows = host.flows.map((flow) => {
        const found = byFlow.get(keyOf(flow));
        return found ? { ...flow, packets: found.packets, bytes: found.bytes } : flow;
      });
      return { ...host, flows };
    }),
  );
  return { ...explanation, hosts };
}

const keyOf = ({ table, priority, match }: Pick<CountedFlow, 'table' | 'priority' | 'match'>): string => `${table} ${priority} ${match}`;
