import type { Resource } from '../api/schema/answers.ts';
import { WeirError } from '../base/errors.ts';
import { type Client, RefusedError } from './client.ts';
import type { GetCommand } from './command.ts';
import type { Terminal } from './terminal.ts';

const retryMs = 1000;

/**
 * Prints what changes until the process is ended. A stream may end between two events of one revision; it is taken up again from
 * the revision before the last one seen, and what was printed of that one is left out.
 */
export async function follow(client: Client, command: GetCommand, since: number, terminal: Terminal): Promise<never> {
  let last = since;
  let seen = new Set<string>();
  for (;;) {
    const from = seen.size === 0 ? last : last - 1;
    try {
      for await (const { id, event, data } of client.events('/v1/watch', { kind: command.kindPath.kind, since: String(from) })) {
        const revision = Number(id);
        const resource = JSON.parse(data) as Resource;
        const key = `${resource.metadata.tenant ?? ''}/${resource.metadata.name}`;
        if (revision === last && seen.has(key)) continue;
        if (revision !== last) seen = new Set();
        last = revision;
        seen.add(key);
        if (concerns(command, resource)) printEvent(event, revision, resource, command, terminal);
      }
    } catch (thrown) {
      if (thrown instanceof RefusedError) throw thrown;
      terminal.complain(thrown instanceof WeirError ? thrown.message : 'the connection was lost');
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

function concerns({ kindPath, tenant, name, allTenants }: GetCommand, { metadata }: Resource): boolean {
  const sameTenant = allTenants || kindPath.scope === 'platform' || metadata.tenant === tenant;
  return sameTenant && (name === undefined || metadata.name === name);
}

function printEvent(event: string, revision: number, resource: Resource, command: GetCommand, { print, colours }: Terminal): void {
  if (command.output === 'json' || command.output === 'yaml') return print(JSON.stringify({ revision, event, resource }));
  const { tenant, name } = resource.metadata;
  const what = `${resource.kind} ${tenant === undefined ? name : `${tenant}/${name}`}`;
  return print(`${colours.dim(String(revision))} ${event === 'delete' ? colours.red('deleted') : colours.green('put    ')} ${what}`);
}
