import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { dialOpenFlow, listenOpenFlow } from '../../../flows/index.ts';
import type { OpenFlowEnd, OpenFlowHandlers, OpenFlowListener, OpenFlowListenOptions, SwitchConnection } from '../../../flows/index.ts';
import { encode } from '../../../flows/openflow/index.ts';
import type { Message } from '../../../flows/openflow/index.ts';

/** Real sockets: what a broken, slow or hostile peer costs. */
let ends: OpenFlowEnd[] = [];
let connections: SwitchConnection[] = [];
const sockets: Socket[] = [];
let listener: OpenFlowListener | undefined;

/** Of this test alone: the ends of the one before may still be coming in. */
function handlers(): OpenFlowHandlers {
  const mine = { ends: [] as OpenFlowEnd[], connections: [] as SwitchConnection[] };
  ({ ends, connections } = mine);
  return { onConnection: (connection) => mine.connections.push(connection), onEnd: (end) => mine.ends.push(end) };
}

async function listen(options: Partial<OpenFlowListenOptions> = {}): Promise<void> {
  listener = await listenOpenFlow({ host: '127.0.0.1', port: 0, ...options }, handlers());
}

function peer(...bytes: Uint8Array[]): Socket {
  const socket = connect({ host: '127.0.0.1', port: listener?.port ?? 0 });
  socket.on('error', () => undefined);
  socket.on('connect', () => bytes.forEach((part) => socket.write(part)));
  sockets.push(socket);
  return socket;
}

async function until(holds: () => boolean): Promise<void> {
  const untilMs = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`not in time; ends: ${JSON.stringify(ends)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listener?.close();
  listener = undefined;
});

const said = (type: Message['type'], body: unknown, xid = 1, version = 6): Uint8Array => encode({ version, type, xid, body } as Message);
const hello = (bitmap: number): Uint8Array => said('OFPT_HELLO', { elements: [{ type: 'OFPHET_VERSIONBITMAP', bitmaps: [bitmap] }] });

describe('one connection ends, and the next one is served', () => {
  test.each([
    ['no OpenFlow at all', [new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')], 'malformed'],
    ['a version that is not spoken', [hello(0b10)], 'version'],
    ['a frame that is too short', [hello(1 << 6), new Uint8Array([6, 6, 0, 4, 0, 0, 0, 0])], 'malformed'],
    ['a reply cut short inside', [hello(1 << 6), new Uint8Array([6, 6, 0, 12, 0, 0, 0, 0, 1, 2, 3, 4])], 'malformed'],
    ['a message before hello', [said('OFPT_BARRIER_REPLY', {})], 'protocol'],
  ])('%s', async (_, bytes, code) => {
    await listen();
    peer(...bytes);
    await until(() => ends.length === 1);
    expect(ends[0]).toMatchObject({ peerAddress: '127.0.0.1', code });
    expect(ends[0]?.reason).not.toBe('');
    const features = { datapath_id: 0x2an, n_buffers: 0, n_tables: 254, auxiliary_id: 0, capabilities: [], reserved: 0 };
    const role = { role: 'OFPCR_ROLE_SLAVE', short_id: 0, generation_id: 0n };
    peer(hello(1 << 6), said('OFPT_ROLE_REPLY', role, 2), said('OFPT_FEATURES_REPLY', features, 3));
    await until(() => connections.length === 1);
    expect(connections[0]).toMatchObject({ datapathId: '000000000000002a', version: '1.5', peerAddress: '127.0.0.1', state: 'following' });
  });

  test('a peer that says nothing', async () => {
    await listen({ limits: { handshakeTimeoutMs: 300 } });
    peer();
    await until(() => ends.length === 1);
    expect(ends[0]?.code).toBe('handshake-timeout');
  });

  test('a peer that leaves', async () => {
    await listen();
    const socket = peer(hello(1 << 6));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.end();
    await until(() => ends.length === 1);
    expect(ends[0]?.code).toBe('peer-closed');
  });
});

test('one address cannot take every place', async () => {
  await listen({ connectionsPerAddressMax: 3 });
  for (let index = 0; index < 5; index++) peer();
  await until(() => ends.length === 2);
  expect(ends.map(({ code }) => code)).toEqual(['too-many', 'too-many']);
});

test('there is a place for so many', async () => {
  await listen({ connectionsMax: 2 });
  for (let index = 0; index < 3; index++) peer();
  await until(() => ends.length === 1);
  expect(ends[0]?.code).toBe('too-many');
});

test('dialling nobody is told', async () => {
  dialOpenFlow({ path: '/nonexistent/br.mgmt' }, handlers());
  await until(() => ends.length === 1);
  expect(ends[0]).toMatchObject({ peerAddress: 'unix', code: 'socket-error' });
});
