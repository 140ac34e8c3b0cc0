import type { ExplainAnswer, RuleAnswer } from '../api/schema/explain.ts';
import { Client } from './client.ts';
import type { ExplainCommand, RuleCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import { tableOf, type Terminal } from './terminal.ts';

type Side = NonNullable<ExplainAnswer['egress']>;
type Colours = Terminal['colours'];

const base = (tenant: string | undefined): string => (tenant === undefined ? '/v1' : `/v1/tenants/${encodeURIComponent(tenant)}`);

/** `weir explain`: the verdict first, then both sides, the way and the flows. Exits with 1 when the connection does not pass. */
export async function explain({ connection, tenant, question, json }: ExplainCommand, terminal: Terminal): Promise<ExitCode> {
  try {
    const call = { method: 'POST', path: `${base(tenant)}/explain`, body: question } as const;
    const answer = await new Client(connection).call<ExplainAnswer>(call);
    if (json) terminal.print(JSON.stringify(answer));
    else for (const part of partsOf(answer, terminal.colours)) terminal.print(part);
    return answer.passes ? 0 : 1;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

/** `weir explain --rule`: whose a number in a connection's label is. */
export async function rule({ connection, tenant, id, json }: RuleCommand, terminal: Terminal): Promise<ExitCode> {
  try {
    const found = await new Client(connection).call<RuleAnswer>({ method: 'GET', path: `${base(tenant)}/rules/${id}` });
    const owner = found.tenant === undefined ? 'platform' : found.tenant;
    if (json) terminal.print(JSON.stringify(found));
    else terminal.print(`rule ${found.id}: policy ${owner}/${found.policy}, ${found.direction} rule ${found.rule}: ${found.words}`);
    return 0;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

function* partsOf(answer: ExplainAnswer, colours: Colours): Iterable<string> {
  yield headline(answer, colours);
  for (const { code, detail, advice } of answer.blockers) yield `  ${colours.red(code)}  ${detail}\n  ${colours.dim(advice)}`;
  yield sideText('egress', endName(answer.question.from), answer.egress, colours);
  yield sideText('ingress', endName(answer.question.to), answer.ingress, colours);
  if (answer.path.networks.length > 0 || answer.path.hosts.length > 0) yield wayText(answer.path, colours);
  for (const host of answer.hosts) yield hostText(host, colours);
  for (const { host, command } of answer.records) yield colours.dim(`on ${host} its connections are seen with: ${command}`);
}

function headline({ passes, summary, question, revision }: ExplainAnswer, colours: Colours): string {
  const mark = passes ? colours.green('✔') : colours.red('✘');
  const asked = `${endName(question.from)} → ${endName(question.to)} ${serviceText(question)}`;
  const colour = passes ? colours.green : colours.red;
  return `${mark} ${colours.bold(asked)}\n  ${colour(summary)}${colours.dim(`, revision ${revision}`)}`;
}

function serviceText({ protocol, port, type, code }: ExplainAnswer['question']): string {
  if (port !== undefined) return `${protocol}/${port}`;
  return `${protocol} type ${type} code ${code}`;
}

const endName = ({ address, tenant, vm, interface: item }: ExplainAnswer['question']['from']): string =>
  vm === undefined ? address : `${tenant}/${vm}/${item} (${address})`;

function verdictText(verdict: string, colours: Colours): string {
  return verdict === 'allow' ? colours.green(verdict) : verdict === 'pass' ? colours.yellow(verdict) : colours.red(verdict);
}

function sideText(name: string, end: string, side: Side | null, colours: Colours): string {
  const head = `\n${colours.bold(name)} of ${end}: `;
  if (side === null) return `${head}no interface judges`;
  const by = side.policy === undefined ? '' : `, policy ${side.policy}, rule ${side.rule}`;
  const id = side.id === undefined ? '' : colours.dim(` (id ${side.id})`);
  const lines = (side.tried ?? []).map(({ tier, policy, rule: at, action, words }) => {
    const what = action === undefined ? colours.dim('no rule matches') : `rule ${at} ${words ?? verdictText(action, colours)}`;
    return `  ${tier.padEnd(8)}  ${policy.padEnd(20)}  ${what}`;
  });
  const posture = side.tier === 'posture' ? [`  posture   ${' '.repeat(20)}  ${verdictText(side.verdict, colours)}`] : [];
  return [`${head}${verdictText(side.verdict, colours)} by ${side.tier}${by}${id}`, ...lines, ...posture].join('\n');
}

function wayText({ networks, router, hosts, tunnel, mtu }: ExplainAnswer['path'], colours: Colours): string {
  const lines = [
    ...(networks.length === 0 ? [] : [`network  ${networks.map(({ name, vni }) => `${name} (VNI ${vni})`).join(' → ')}`]),
    ...(router === undefined ? [] : [`router   ${router}`]),
    ...(hosts.length === 0 ? [] : [`hosts    ${hosts.join(' → ')}`]),
    ...(tunnel === undefined
      ? []
      : [`tunnel   VNI ${tunnel.vni}${tunnel.from === undefined ? '' : `, ${tunnel.from} → ${tunnel.to ?? '?'}`}`]),
    ...(mtu === undefined ? [] : [`MTU      ${mtu}`]),
  ];
  return [`\n${colours.bold('way')}`, ...lines.map((line) => `  ${line}`)].join('\n');
}

function hostText({ name, connected, flows, outcome }: ExplainAnswer['hosts'][number], colours: Colours): string {
  const state = connected === false ? colours.red(' (not connected)') : '';
  const rows = flows.map(({ table, priority, match, actions, packets }) => [
    table,
    String(priority),
    packets === undefined ? '-' : String(packets),
    match === '' ? '*' : match,
    actions,
  ]);
  const table = tableOf(['TABLE', 'PRIORITY', 'PACKETS', 'MATCH', 'ACTIONS'], rows, colours);
  return `\n${colours.bold(`flows on ${name}`)}${state}: ${outcome}\n${indent(table)}`;
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');
