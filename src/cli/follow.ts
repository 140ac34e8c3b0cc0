import type { Resource } from '../api/schema/answers.ts';
import { changes } from './changes.ts';
import type { Client } from './client.ts';
import type { GetCommand } from './command.ts';
import type { Terminal } from './terminal.ts';

const retryMs = 1000;

/** Prints what changes until the process is ended. */
export async function follow(client: Client, command: GetCommand, since: number, terminal: Terminal): Promise<void> {
  const request = { kind: command.kindPath.kind, since, pauseMs: retryMs, onLost: (reason: string) => terminal.complain(reason) };
  for await (const { event, revision, resource } of changes(client, request))
    if (concerns(command, resource)) printEvent(event, revision, resource, command, terminal);
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
