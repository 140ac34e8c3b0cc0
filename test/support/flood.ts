import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Guest, Lab } from '../../src/lab/index.ts';

/**
 * Datagrams without a pause, several each millisecond, whether anybody hears them or not: a closed way and a dead neighbour stop nothing.
 * The mark is what each carries. AF_INET6 is 10 on Linux.
 */
const script = `
  use strict;
  use Socket qw(:all);
  $| = 1;
  my ($address, $port, $mark, $local) = @ARGV;
  my $ipv6 = $address =~ /:/;
  my $bytes = inet_pton($ipv6 ? AF_INET6 : AF_INET, $address);
  my $to = $ipv6 ? pack_sockaddr_in6($port, $bytes) : pack_sockaddr_in($port, $bytes);
  socket(my $socket, $ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
  bind($socket, $ipv6 ? pack_sockaddr_in6($local, IN6ADDR_ANY) : pack_sockaddr_in($local, INADDR_ANY)) or die "bind: $!";
  my $sent = 0;
  $SIG{TERM} = sub { print "sent $sent\\n"; exit 0 };
  print "ready\\n";
  while (1) {
    for (1 .. 2) { $sent++ if defined send($socket, $mark, 0, $to); }
    select(undef, undef, undef, 0.0005);
  }`;

export class Flood {
  readonly #child: ChildProcess;
  #text = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (this.#text += part));
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (this.#text += part));
  }

  /** Returns once datagrams go out. */
  static async start(lab: Lab, from: Guest, address: string, port: number, mark: string, localPort = 0): Promise<Flood> {
    const flood = new Flood(lab.spawnInGuest(from, ['perl', '-e', script, address, String(port), mark, String(localPort)]));
    const deadline = performance.now() + 60_000;
    while (!flood.#text.includes('ready')) {
      if (performance.now() > deadline) throw new Error(`no flood: ${flood.#text}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return flood;
  }

  /** How many datagrams were sent. */
  async stop(): Promise<number> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
    return Number(/sent (\d+)/.exec(this.#text)?.[1]);
  }
}
