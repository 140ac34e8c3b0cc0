import { Client } from './client.ts';
import type { VmCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import type { Terminal } from './terminal.ts';

interface HookAnswer {
  readonly interfaces: readonly {
    readonly name: string;
    readonly portId: string;
    readonly mac: string;
    readonly addresses: readonly string[];
  }[];
  readonly timings: Readonly<Record<string, number>>;
  readonly phase: string;
  readonly waiting?: readonly { readonly host: string; readonly reason: string }[];
}

/** `weir vm start TENANT/VM --host HOST` and `weir vm stop TENANT/VM`. */
export async function vm(command: VmCommand, terminal: Terminal): Promise<ExitCode> {
  const { tenant, name, verb, wait, timeoutMs, dryRun } = command;
  try {
    const answer = await new Client(command.connection).call<HookAnswer>({
      method: 'POST',
      path: `/v1/tenants/${encodeURIComponent(tenant)}/vms/${encodeURIComponent(name)}/${verb.kind}`,
      query: { wait, timeoutMs: timeoutMs === undefined ? undefined : String(timeoutMs), dryRun: dryRun ? 'true' : undefined },
      ...(verb.kind === 'start' && { body: { host: verb.host } }),
    });
    if (command.json || dryRun) terminal.print(JSON.stringify(answer));
    else printAnswer(answer, command, terminal);
    return 0;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

function printAnswer(answer: HookAnswer, { tenant, name }: VmCommand, { print, complain: warn, colours }: Terminal): void {
  print(`${tenant}/${name} ${colours.bold(answer.phase)} in ${answer.timings['total']} ms`);
  for (const each of answer.interfaces) print(`  ${each.name}  iface-id=${each.portId}  ${each.mac}  ${each.addresses.join(' ')}`);
  for (const { host, reason } of answer.waiting ?? []) warn(`  still waiting for ${host}: ${reason}`);
}
