import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Framer, decode, encode, toHex } from '../../../flows/openflow/index.ts';
import type { Version } from '../../../flows/openflow/index.ts';

/** Open vSwitch's own tool as the judge of what is on the wire. */

const run = promisify(execFile);

const versionNames: Readonly<Record<Version, string>> = { 4: 'OpenFlow13', 5: 'OpenFlow14', 6: 'OpenFlow15' };

/** What `ovs-ofctl` reads in messages that follow each other, one text each. */
export async function printed(messages: readonly Uint8Array[]): Promise<readonly string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'weir-ofp-'));
  try {
    const file = join(dir, 'messages');
    await writeFile(file, Buffer.concat(messages));
    const { stdout } = await run('ovs-ofctl', ['ofp-parse', file], { maxBuffer: 256 * 1024 * 1024, timeout: 60_000 });
    return stdout.split(/^(?=(?:OFP|NXT|ONF|NXS)\w*_)/m).map((text) => text.trim());
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** A switch that answers what `ovs-ofctl` waits for and keeps every message, in hexadecimal. */
function answer(socket: Socket, version: Version, received: string[]): void {
  const framer = new Framer();
  socket.on('error', () => socket.destroy());
  socket.write(Buffer.from([version, 0, 0, 8, 0, 0, 0, 0]));
  socket.on('data', (chunk) =>
    framer.push(chunk, (frame) => {
      const message = decode(frame);
      if (message.type === 'OFPT_BARRIER_REQUEST')
        socket.write(encode({ version, type: 'OFPT_BARRIER_REPLY', xid: message.xid, body: {} }));
      if (message.type === 'OFPT_BUNDLE_CONTROL' && typeof message.body.type === 'string')
        socket.write(encode({ ...message, body: { ...message.body, type: replyOf(message.body.type) } }));
      if (
        message.type === 'OFPT_EXPERIMENTER' &&
        message.body.name === 'ONFT_BUNDLE_CONTROL' &&
        typeof message.body.payload.type === 'string'
      )
        socket.write(
          encode({ ...message, body: { ...message.body, payload: { ...message.body.payload, type: replyOf(message.body.payload.type) } } }),
        );
      if (message.type !== 'OFPT_HELLO') received.push(toHex(frame));
    }),
  );
}

type BundleType = 'OFPBCT_OPEN_REPLY' | 'OFPBCT_CLOSE_REPLY' | 'OFPBCT_COMMIT_REPLY' | 'OFPBCT_DISCARD_REPLY';

const replyOf = (request: string): BundleType => request.replace('REQUEST', 'REPLY') as BundleType;

/** The messages that `ovs-ofctl COMMAND tcp:… ARGUMENTS` sends. */
export async function captured(version: Version, command: readonly string[], ...rest: readonly string[]): Promise<readonly string[]> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    answer(socket, version, received);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await run('ovs-ofctl', ['--no-names', '-O', versionNames[version], ...command, `tcp:127.0.0.1:${port}`, ...rest], { timeout: 20_000 });
    return received;
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
