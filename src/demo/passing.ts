import { openTcp, type PingReport, startPing, type TcpConnection } from '../lab/index.ts';
import { delay, type Row, spell } from './act.ts';
import type { Player } from './cast.ts';
import type { World } from './world.ts';

const ways: readonly { readonly from: Player; readonly to: Player; readonly family: 4 | 6 }[] = [
  { from: 'acme/web-1', to: 'acme/web-2', family: 4 },
  { from: 'acme/web-2', to: 'acme/db-1', family: 6 },
  { from: 'globex/lab-1', to: 'globex/lab-2', family: 4 },
];

/** Packets that are on their way all the while. */
export interface Passing {
  /** One row for each of them. */
  stop(): Promise<Row[]>;
}

/** Pings every 10 ms between guests on different hosts, over both families. */
export function startPings(world: World): Passing {
  const pings = ways.map(({ from, to, family }) => startPing(world.lab, world.guest(from), world.address(to, family)));
  return {
    stop: async () => {
      const reports = await Promise.all(pings.map((ping) => ping.stop()));
      return ways.map(({ from, to, family }, index) => lossRow(`10 ms ping ${from} → ${to}, IPv${family}`, reports[index]));
    },
  };
}

export function lossRow(what: string, report: PingReport | undefined): Row {
  const { sent = 0, missing = [], gapMsMax = 0 } = report ?? {};
  return {
    what,
    expected: 'no packet lost',
    seen: `${missing.length} of ${sent} lost, longest pause ${spell(gapMsMax)}`,
    ok: sent > 0 && missing.length === 0,
  };
}

/** What an open connection carried: each token comes back before the next one goes. */
export interface Carried {
  readonly exchanges: number;
  readonly longestMs: number;
  /** How it ended, if it did before its time. */
  readonly broken: 'timeout' | 'closed' | undefined;
}

const pauseMs = 10;
/** TCP itself would go on for minutes: a pause of that length is told as what it is. */
const exchangeMsMax = 10_000;

export function streamRow(what: string, { exchanges, longestMs, broken }: Carried): Row {
  return {
    what,
    expected: 'goes on',
    seen: `${exchanges} exchanges, the longest ${spell(longestMs)}${broken === undefined ? '' : `, then ${broken}`}`,
    ok: exchanges > 0 && broken === undefined,
  };
}

/** The same, and an open TCP connection that exchanges data all the while. */
export async function startTraffic(world: World): Promise<Passing> {
  const [from, to, port]: readonly [Player, Player, number] = ['acme/web-1', 'acme/db-1', 5432];
  const connection = await openTcp(world.lab, world.guest(from), { address: world.address(to), port });
  const pings = startPings(world);
  const stream = startStream(connection);
  return {
    stop: async () => {
      const [rows, carried] = await Promise.all([pings.stop(), stream.stop()]);
      await connection.close();
      return [...rows, streamRow(`TCP connection ${from} → ${to}, open all the while`, carried)];
    },
  };
}

function startStream(connection: TcpConnection): { stop(): Promise<Carried> } {
  const ending = new AbortController();
  const run = async (): Promise<Carried> => {
    let exchanges = 0;
    let longestMs = 0;
    while (!ending.signal.aborted) {
      const { outcome, elapsedMs } = await connection.exchange(exchangeMsMax);
      if (outcome !== 'echoed') return { exchanges, longestMs, broken: outcome };
      exchanges++;
      longestMs = Math.max(longestMs, elapsedMs);
      await delay(pauseMs);
    }
    return { exchanges, longestMs, broken: undefined };
  };
  const running = run();
  // It is told to whoever stops it.
  running.catch(() => undefined);
  return {
    stop: () => {
      ending.abort();
      return running;
    },
  };
}
