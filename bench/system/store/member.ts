import { openStore } from '../../../cluster/index.ts';
import { openSocketTransport } from '../../../cluster/transport/sockets.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { releaseNamed } from '../../../cluster/version/index.ts';

/**
 * One member of the store, a process of its own. Arguments: id, directory, and the addresses of everybody as JSON, the client among them. Says `open`, and `leads`
 * when it does.
 */
const [id = '', directory = '', addresses = '{}'] = process.argv.slice(2);
const peers = new Map(Object.entries(JSON.parse(addresses) as Record<string, string>));
const port = Number(peers.get(id)?.split(':')[1]);

const store = await openStore({
  directory,
  clock: systemClock,
  member: {
    id,
    founders: [...peers.keys()].filter((each) => each !== 'client'),
    transport: (handlers) =>
      openSocketTransport(
        {
          id,
          cluster: 'bench',
          instance: id,
          runs: releaseNamed('0'),
          host: '127.0.0.1',
          port,
          advertise: undefined,
          tls: undefined,
          peers,
          refusalOf: () => undefined,
          onEvent: () => undefined,
        },
        handlers,
      ),
  },
});
process.stdout.write('open\n');
const looking = setInterval(() => {
  if (store.cluster.leader !== id) return;
  process.stdout.write('leads\n');
  clearInterval(looking);
}, 10);
process.once('SIGTERM', () => {
  void store.close().then(() => process.exit(0));
});
