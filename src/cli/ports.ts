import { createServer } from 'node:net';
import { reasonOf, WeirError } from '../base/errors.ts';
import { type Config, formatEndpoint } from '../config/index.ts';

/**
 * Asked before anything is kept or joined: who joins and then cannot listen leaves a voter behind that is down.
 * Port 0 is any that is free.
 * @throws WeirError `cannot-listen`
 */
export async function requirePorts({ api, member, switches }: Config): Promise<void> {
  const wanted = [
    { setting: 'listen', at: api.listen },
    ...(member ? [{ setting: 'member.listen', at: member.listen }] : []),
    ...(switches.kind === 'off' ? [] : (['openflow', 'ovsdb'] as const).map((setting) => ({ setting, at: switches[setting] }))),
  ];
  for (const { setting, at } of wanted) {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const message = `${setting}: nothing can listen at ${formatEndpoint(at)}: ${reasonOf(cause)}. "ss -tlnp" shows who listens where`;
        reject(new WeirError('cannot-listen', message, { cause }));
      });
      server.listen(at.port, at.host, () => server.close(() => resolve()));
    });
  }
}
