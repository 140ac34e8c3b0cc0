import { writeSync } from 'node:fs';
import { openSmall } from './directory.ts';

/**
 * A process to be killed: clients that write as fast as they can, and say on standard output what was acknowledged, a line
 * each: revision, client, number. Arguments: directory, transactions for each client,
 * how long versions are kept.
 */
const [directory = '', count = '1000000', retentionMs = '86400000'] = process.argv.slice(2);

export function payload(client: number, number: number): string {
  return `${client}-${number}-`.repeat(1 + ((number * 7 + client) % 60));
}

async function run(): Promise<void> {
  const store = await openSmall(directory, { retentionMs: Number(retentionMs), compactionIntervalMs: 20 });
  writeSync(1, 'open\n');
  const client = async (name: number): Promise<void> => {
    let number = Number((await store.get(`client/${name}`))?.value ?? 0);
    const end = number + Number(count);
    while (number < end) {
      number++;
      const { revision } = await store.transact({
        compares: [],
        operations: [
          { kind: 'put', key: `client/${name}`, value: String(number) },
          { kind: 'put', key: `log/${name}/${number}`, value: payload(name, number) },
          { kind: 'delete', key: `log/${name}/${number - 5}` },
        ],
      });
      writeSync(1, `${revision} ${name} ${number}\n`);
    }
  };
  await Promise.all(Array.from({ length: 6 }, (_, name) => client(name)));
}

if (process.argv[1]?.endsWith('writer.ts')) await run();
