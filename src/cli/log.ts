import type { LogItem } from '../api/schema/answers.ts';
import { WeirError } from '../base/errors.ts';
import { Client, RefusedError } from './client.ts';
import type { LogCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import type { Terminal } from './terminal.ts';

const retryMs = 1000;

/** `weir log`: what rules with `log: true` decided, the newest last. */
export async function log(command: LogCommand, terminal: Terminal): Promise<ExitCode> {
  const client = new Client(command.connection);
  const path = command.tenant === undefined ? '/v1/log' : `/v1/tenants/${encodeURIComponent(command.tenant)}/log`;
  const limit = String(command.limit);
  const print = (record: LogItem): void => terminal.print(command.json ? JSON.stringify(record) : lineOf(record, terminal));
  try {
    const { items } = await client.call<{ readonly items: readonly LogItem[] }>({ method: 'GET', path, query: { limit } });
    for (const record of items) print(record);
    if (items.length === 0 && !command.json) terminal.complain('no records; rules with "log: true" leave them, while the controller runs');
    if (!command.follow) return 0;
    // Without a record to resume behind everything that is kept comes, which is nothing.
    let since = items.at(-1)?.id ?? 0;
    let lostBy: string | undefined;
    for (;;) {
      try {
        for await (const said of client.events(path, { follow: 'true', limit: '1000', since: String(since) })) {
          lostBy = undefined;
          if (said.kind !== 'event' || said.event !== 'record') continue;
          const record = JSON.parse(said.data) as LogItem;
          since = record.id;
          print(record);
        }
      } catch (thrown) {
        if (thrown instanceof RefusedError) throw thrown;
        const reason = thrown instanceof WeirError ? thrown.message : 'the connection was lost; it is taken up again where it was';
        if (reason !== lostBy) terminal.complain(reason);
        lostBy = reason;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}

function lineOf(record: LogItem, { colours }: Terminal): string {
  const { packet } = record;
  const verdict = { allow: colours.green, deny: colours.red, reject: colours.yellow }[record.verdict](record.verdict.padEnd(6));
  const end = (side: LogItem['packet']['from'], port: number | undefined): string => {
    const host = side.vm === undefined ? side.address : `${side.vm}/${side.interface ?? ''} ${colours.dim(side.address)}`;
    return port === undefined ? host : `${host}${colours.dim(`:${port}`)}`;
  };
  const asked = packet.port ?? (packet.type === undefined ? undefined : `${packet.type}.${packet.code ?? 0}`);
  const dropped = record.dropped > 0 ? colours.yellow(`  (${record.dropped} dropped before)`) : '';
  return [
    colours.dim(record.time),
    verdict,
    `${record.tenant}/${record.policy} ${record.direction}[${record.rule}]`.padEnd(28),
    asked === undefined ? packet.protocol : `${packet.protocol}/${asked}`,
    `${end(packet.from, packet.sourcePort)} → ${end(packet.to, undefined)}`,
    `${colours.dim(`on ${record.host}`)}${dropped}`,
  ].join('  ');
}
