import { stringify } from 'yaml';
import { kindPaths } from '../api/schema/kinds.ts';
import type { Resource } from '../api/schema/answers.ts';
import { Client, RefusedError } from './client.ts';
import { columnsOf, ruleRows } from './columns.ts';
import type { GetCommand } from './command.ts';
import { follow } from './follow.ts';
import { complain, type ExitCode } from './outcome.ts';
import { itemPath, listPath } from './paths.ts';
import { tableOf, type Terminal } from './terminal.ts';

interface List {
  readonly items: readonly Resource[];
  readonly continue?: string;
  readonly revision: number;
}

/** `weir get KIND [NAME]`. */
export async function get(command: GetCommand, terminal: Terminal): Promise<ExitCode> {
  const client = new Client(command.connection);
  try {
    const { items, revision } = await read(command, client);
    if (items.length > 0 || !command.watch) printResources(items, command, terminal);
    if (command.watch) await follow(client, command, revision, terminal);
    return 0;
  } catch (thrown) {
    const code = complain(thrown, terminal);
    const whose = command.kindPath.scope !== 'platform' && command.tenant === undefined && !command.allTenants;
    if (whose && thrown instanceof RefusedError && thrown.problem.code === 'not-found')
      terminal.complain("  A tenant's is asked for with -t TENANT.");
    return code;
  }
}

async function read(command: GetCommand, client: Client): Promise<{ readonly items: readonly Resource[]; readonly revision: number }> {
  const { kindPath, name, tenant, allTenants } = command;
  if (name !== undefined) {
    // The item's own revision may be older than what is kept of the past.
    const { revision } = await client.call<List>({ method: 'GET', path: listPath(kindPath, tenant), query: { limit: '1' } });
    return { items: [await client.call<Resource>({ method: 'GET', path: itemPath(kindPath, tenant, name) })], revision };
  }
  if (!allTenants || kindPath.scope === 'platform') return listAll(client, listPath(kindPath, tenant), command.selector);
  const tenants = await listAll(client, '/v1/tenants', undefined);
  const paths = tenants.items.map(({ metadata }) => listPath(kindPath, metadata.name));
  if (kindPath.scope === 'both') paths.unshift(listPath(kindPath, undefined));
  const items: Resource[] = [];
  for (const path of paths) items.push(...(await listAll(client, path, command.selector)).items);
  return { items, revision: tenants.revision };
}

/** Every page; all show the same snapshot. */
async function listAll(client: Client, path: string, labelSelector: string | undefined): Promise<List> {
  const items: Resource[] = [];
  for (let token: string | undefined; ;) {
    const page: List = await client.call({ method: 'GET', path, query: { labelSelector, limit: '1000', continue: token } });
    items.push(...page.items);
    token = page.continue;
    if (token === undefined) return { items, revision: page.revision };
  }
}

function printResources(items: readonly Resource[], command: GetCommand, terminal: Terminal): void {
  const single = command.name === undefined ? undefined : items[0];
  switch (command.output) {
    case 'json':
      return terminal.print(JSON.stringify(single ?? items, undefined, 2));
    case 'yaml':
      return terminal.print(items.map((item) => stringify(item).trimEnd()).join('\n---\n'));
    case 'table':
    case 'wide': {
      if (items.length === 0) return terminal.complain(`no ${command.kindPath.plural}`);
      const columns = columnsOf(command.kindPath.kind, command.output === 'wide');
      const withTenants = items.some(({ metadata }) => metadata.tenant !== undefined) && command.tenant === undefined;
      const head = [...(withTenants ? ['TENANT'] : []), 'NAME', ...columns.map(({ title }) => title)];
      const rows = items.map((item) => [
        ...(withTenants ? [item.metadata.tenant ?? '-'] : []),
        item.metadata.name,
        ...columns.map((column) => column.read(item)),
      ]);
      terminal.print(tableOf(head, rows, terminal.colours));
      const rules = single && command.output === 'wide' ? ruleRows(single) : undefined;
      if (rules && rules.rows.length > 0) terminal.print(`\n${tableOf(rules.head, rules.rows, terminal.colours)}`);
      return;
    }
  }
}

/** `networks`, `network`, `Network`. */
export function kindNamed(text: string) {
  const wanted = text.toLowerCase();
  return kindPaths.find(({ kind, plural, singular }) => [kind.toLowerCase(), plural, singular].includes(wanted));
}
