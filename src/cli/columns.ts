import type { KindPath } from '../api/schema/kinds.ts';
import type { Resource } from '../api/schema/answers.ts';

export interface Column {
  readonly title: string;
  /** Shown with `-o wide` only. */
  readonly wide?: true;
  read(resource: Resource): string;
}

type Kind = KindPath['kind'];
type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);
const text = (value: unknown): string => {
  if (value === undefined || value === null) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
};
const joined = (values: readonly unknown[]): string => (values.length === 0 ? '-' : values.map(text).join(','));

const ofSpec = (title: string, key: string, wide?: true): Column => ({ title, ...(wide && { wide }), read: ({ spec }) => text(spec[key]) });
const ofStatus = (title: string, key: string, wide?: true): Column => ({
  title,
  ...(wide && { wide }),
  read: ({ status }) => text(status[key]),
});

const portText = (raw: unknown): string => {
  const { protocol, port, endPort, portName, type } = fields(raw);
  const what = portName ?? (endPort === undefined ? (port ?? type) : `${text(port)}-${text(endPort)}`);
  return what === undefined ? text(protocol) : `${text(protocol)}/${text(what)}`;
};

const membersText = ({ selector, cidrs }: Fields): string => {
  if (cidrs !== undefined) return joined(list(cidrs));
  const { matchLabels, matchExpressions } = fields(selector);
  const terms = [
    ...Object.entries(fields(matchLabels)).map(([key, value]) => `${key}=${text(value)}`),
    ...list(matchExpressions).map((each) => {
      const { key, operator, values } = fields(each);
      return `${text(key)} ${text(operator)}${list(values).length > 0 ? ` (${joined(list(values))})` : ''}`;
    }),
  ];
  return terms.length === 0 ? 'all' : terms.join(', ');
};

const rateText = (value: unknown): string => {
  const { maxMbps, guaranteedMbps } = fields(value);
  if (maxMbps === undefined) return guaranteedMbps === undefined ? '-' : `at least ${text(guaranteedMbps)} Mbit/s`;
  return guaranteedMbps === undefined ? `at most ${text(maxMbps)} Mbit/s` : `${text(guaranteedMbps)} to ${text(maxMbps)} Mbit/s`;
};

const interfaceColumn = (title: string, key: string, wide?: true): Column => ({
  title,
  ...(wide && { wide }),
  read: ({ spec }) => joined(list(spec['interfaces']).flatMap((each) => [fields(each)[key]].flat())),
});

/** What a policy or a rule has counted. */
function counterColumns<T>(of: (item: T) => Fields): readonly { readonly title: string; readonly wide: true; read(item: T): string }[] {
  const counted = (title: string, key: string) => ({ title, wide: true as const, read: (item: T) => text(of(item)[key]) });
  const never = (value: unknown): string => (value === null ? 'never' : text(value));
  return [
    counted('PACKETS', 'packets'),
    counted('BYTES', 'bytes'),
    counted('CONNECTIONS', 'connections'),
    { title: 'LAST HIT', wide: true, read: (item) => never(of(item)['lastHit']) },
    counted('FLOWS', 'flows'),
  ];
}

/** The rules of one policy with what each has counted; nothing for anything else. */
export function ruleRows({ spec, status }: Resource): { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  const rulesOf = (direction: string): readonly Fields[] => list(fields(status['rules'])[direction]).map(fields);
  const columnsOfRules = counterColumns<Fields>((rule) => rule);
  const rows = ['ingress', 'egress'].flatMap((direction) =>
    rulesOf(direction).map((rule) => {
      const { action } = fields(list(spec[direction])[Number(rule['rule'])]);
      return [
        `${direction} ${text(rule['rule'])}`,
        text(action),
        ...columnsOfRules.map((column) => column.read(rule)),
        text(rule['since']),
      ];
    }),
  );
  return { head: ['RULE', 'ACTION', ...columnsOfRules.map(({ title }) => title), 'SINCE'], rows };
}

/** What is used of what is allowed. */
const usageColumn = (title: string, key: string): Column => ({
  title,
  wide: true,
  read: ({ status }) => {
    const { used, limit } = fields(fields(status['usage'])[key]);
    return limit === undefined ? text(used) : `${text(used)}/${text(limit)}`;
  },
});

const columns: Readonly<Record<Kind, readonly Column[]>> = {
  Tenant: [
    ofSpec('POSTURE', 'posture'),
    usageColumn('NETWORKS', 'networks'),
    usageColumn('VMS', 'vms'),
    usageColumn('POLICIES', 'policies'),
    usageColumn('FLOWS', 'flows'),
    {
      title: 'QUOTAS',
      wide: true,
      read: ({ spec }) => joined(Object.entries(fields(spec['quotas'])).map(([name, most]) => `${name}=${text(most)}`)),
    },
  ],
  Network: [
    ofSpec('VNI', 'vni'),
    { title: 'SUBNETS', read: ({ spec }) => joined(list(spec['subnets']).map((each) => fields(each)['cidr'])) },
    { title: 'GATEWAYS', wide: true, read: ({ spec }) => joined(list(spec['subnets']).map((each) => fields(each)['gateway'])) },
    ofSpec('ISOLATION', 'isolation', true),
  ],
  Router: [{ title: 'NETWORKS', read: ({ spec }) => joined(list(spec['networks'])) }],
  Group: [{ title: 'MEMBERS', read: ({ spec }) => membersText(spec) }],
  Service: [{ title: 'PORTS', read: ({ spec }) => list(spec['ports']).map(portText).join(',') }],
  Policy: [
    ofSpec('TIER', 'tier'),
    ofSpec('ORDER', 'order'),
    { title: 'APPLIES TO', read: ({ spec }) => (spec['appliesTo'] === undefined ? 'all' : joined(list(spec['appliesTo']))) },
    { title: 'INGRESS', read: ({ spec }) => String(list(spec['ingress']).length) },
    { title: 'EGRESS', read: ({ spec }) => String(list(spec['egress']).length) },
    ...counterColumns<Resource>(({ status }) => fields(status['counters'])),
    { title: 'FLOWS/HOST', wide: true, read: ({ status }) => text(fields(status['flows'])['perHost']) },
    { title: 'SHADOWED', wide: true, read: ({ status }) => text(fields(status['shadowed'])['count']) },
    { title: 'CONFLICTS', wide: true, read: ({ status }) => text(fields(status['conflicts'])['count']) },
  ],
  QosPolicy: [
    { title: 'APPLIES TO', read: ({ spec }) => (spec['appliesTo'] === undefined ? 'all' : joined(list(spec['appliesTo']))) },
    { title: 'EGRESS', read: ({ spec }) => rateText(spec['egress']) },
    { title: 'INGRESS', read: ({ spec }) => rateText(spec['ingress']) },
    ofSpec('DSCP', 'dscp'),
  ],
  Intent: [
    ofStatus('MEANING', 'meaning'),
    { title: 'CONFLICTS', read: ({ status }) => joined(list(status['conflicts']).map((each) => fields(each)['with'])) },
    ofSpec('TEXT', 'text', true),
    ofSpec('ORDER', 'order', true),
  ],
  Vm: [
    ofStatus('PHASE', 'phase'),
    ofSpec('POWER', 'power'),
    ofSpec('HOST', 'host'),
    interfaceColumn('ADDRESSES', 'addresses'),
    interfaceColumn('NETWORKS', 'network', true),
    interfaceColumn('MAC', 'mac', true),
  ],
  Host: [
    { title: 'CONNECTED', read: ({ status }) => (status['connected'] === true ? 'yes' : 'no') },
    ofStatus('ENCAP', 'encapIp'),
    ofStatus('REVISION', 'realizedRevision'),
    ofStatus('FLOWS', 'flows'),
    ofStatus('DRIFT', 'driftRepaired', true),
    ofStatus('OVS', 'ovsVersion', true),
    ofStatus('DATAPATH', 'datapathType', true),
  ],
};

const errorsColumn: Column = {
  title: 'ERRORS',
  read: ({ status }) => (list(status['errors']).length > 0 ? String(list(status['errors']).length) : '-'),
};

/** The columns of a kind's table behind its name. */
export function columnsOf(kind: Kind, wide: boolean): readonly Column[] {
  return [...columns[kind], errorsColumn].filter((column) => wide || !column.wide);
}
