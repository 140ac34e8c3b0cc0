import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { releaseNamed } from '../../cluster/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { openMembership } from '../../src/membership/opening.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { withDirectory } from '../cluster/store/directory.ts';

test('who asks to join without an id, and gets no answer, asks again as the same member', () =>
  withDirectory(async (directory) => {
    const asked: unknown[] = [];
    const drop = async (request: IncomingMessage): Promise<void> => {
      asked.push(await json(request));
      request.socket.destroy();
    };
    const server = createServer((request) => void drop(request));
    server.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const open = () =>
      openMembership({
        directory: join(directory, 'store'),
        config: {
          member: {
            id: undefined,
            listen: { host: '127.0.0.1', port: 0 },
            advertise: undefined,
            tls: undefined,
            origin: { kind: 'joining', server: `http://127.0.0.1:${port}`, token: undefined },
          },
          store: { kind: 'level', retentionMs: 1_000 },
        },
        runs: releaseNamed('0.0.0'),
        clock: systemClock,
        log: silentLogger,
        onRemoved: () => undefined,
      });
    await expect(open()).rejects.toMatchObject({ code: 'unreachable' });
    await expect(open()).rejects.toMatchObject({ code: 'unreachable' });
    const [first, second] = asked;
    expect(first).toMatchObject({ id: expect.stringMatching(/^m-/), address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    expect(second).toEqual(first);
  }));
