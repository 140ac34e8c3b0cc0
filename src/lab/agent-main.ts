import { createInterface } from 'node:readline';
import { reasonOf } from '../base/errors.ts';
import type { AgentAnswers, AgentReply, AgentRequest } from './agent-protocol.ts';
import { connectTcp, exchangeTcp, listenTcp, OpenConnection, transferTcp, type TcpService } from './agent-tcp.ts';
import { DatagramSocket, requestUdp } from './agent-udp.ts';

/** The process in a guest's namespace; what it understands is in agent-protocol.ts. */

const open = new Map<number, TcpService | OpenConnection | DatagramSocket>();
let handleLast = 0;

function keep(item: TcpService | OpenConnection | DatagramSocket): number {
  open.set(++handleLast, item);
  return handleLast;
}

function connectionOf(handle: number): OpenConnection {
  const found = open.get(handle);
  if (!(found instanceof OpenConnection)) throw new Error(`handle ${handle} names no connection`);
  return found;
}

function datagramsOf(handle: number): DatagramSocket {
  const found = open.get(handle);
  if (!(found instanceof DatagramSocket)) throw new Error(`handle ${handle} names no UDP socket`);
  return found;
}

type Handlers = {
  readonly [K in AgentRequest['kind']]: (request: Extract<AgentRequest, { kind: K }>) => Promise<AgentAnswers[K]> | AgentAnswers[K];
};

const handlers: Handlers = {
  'tcp-listen': async ({ port, service }) => ({ handle: keep(await listenTcp(port, service)) }),
  'tcp-connect': async ({ to, timeoutMs }) => {
    const { connection, ...connected } = await connectTcp(to, timeoutMs);
    connection?.close();
    return connected;
  },
  'tcp-transfer': ({ to, bytes, timeoutMs }) => transferTcp(to, bytes, timeoutMs),
  'tcp-open': async ({ to, timeoutMs }) => {
    const { connection, ...connected } = await connectTcp(to, timeoutMs);
    return { ...connected, handle: connection ? keep(connection) : 0 };
  },
  'tcp-exchange': ({ handle, timeoutMs }) => exchangeTcp(connectionOf(handle), timeoutMs),
  'udp-listen': async ({ port, service }) => {
    const item = await DatagramSocket.listen(port);
    if (service === 'echo') item.echo();
    return { handle: keep(item) };
  },
  'udp-reply-stream': async ({ port, intervalMs, bytes }) => {
    const item = await DatagramSocket.listen(port);
    item.streamToCallers(intervalMs, bytes);
    return { handle: keep(item) };
  },
  'udp-request': ({ to, bytes, timeoutMs }) => requestUdp(to, bytes, timeoutMs),
  'udp-stream': async ({ to, intervalMs, bytes, count }) => {
    const item = await DatagramSocket.connect(to);
    item.stream(intervalMs, bytes, count);
    return { handle: keep(item) };
  },
  'udp-subscribe': async ({ to }) => {
    const item = await DatagramSocket.connect(to);
    item.stream(0, 1, 1);
    return { handle: keep(item) };
  },
  'udp-count': ({ handle }) => datagramsOf(handle).count(),
  stop: ({ handle }) => {
    const found = open.get(handle);
    open.delete(handle);
    found?.close();
    return found instanceof DatagramSocket ? found.count() : null;
  },
};

async function reply(id: number, request: AgentRequest): Promise<AgentReply> {
  try {
    return { id, answer: await handlers[request.kind](request as never) };
  } catch (error) {
    return { id, error: reasonOf(error) };
  }
}

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const { id, request } = JSON.parse(line) as { id: number; request: AgentRequest };
  void reply(id, request).then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
});
input.on('close', () => process.exit(0));
