import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Ports that nobody had a moment ago, at whatever address. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(portMin, portMax);
    if (!ports.includes(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

/** Below those that connections are given (ip_local_port_range): else one could take the port of who is about to come back to it. */
const [portMin, portMax] = [12_000, 32_000];

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}
