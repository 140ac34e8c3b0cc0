import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below those that connections are given (ip_local_port_range): else one could take the port of who is about to come back to it. */
const [portMin, portMax] = [12_000, 32_000];
/** A port may be without its listener for a while: of processes beside each other each chooses from a share of its own. */
const shares = 16;
const shareSize = (portMax - portMin) / shares;
const given = new Set<number>();

/** Ports that nobody had a moment ago, at whatever address, and that this process was not given before. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = portMin + shareSize * (process.pid % shares) + randomInt(shareSize);
    if (given.size === shareSize) given.clear();
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}
