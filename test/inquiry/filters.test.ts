import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { addressIn, documentsOf, filterText, firstMatch, inside, readFilters } from '../support/filter-set.ts';
import type { Header } from '../support/filter-set.ts';
import { RunningWeir } from '../support/running-weir.ts';

/** A filter set of the literature, loaded as a user would: `decide` answers with the line that a scan from the first to the last finds. */

interface Side {
  readonly verdict: string;
  readonly tier: string;
  readonly policy?: string;
}

const names: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' };
const seed = Number(process.env['WEIR_FILTERS_SEED'] ?? 1);

test(`filters over five fields: WEIR_FILTERS_SEED=${seed}`, async () => {
  const random = new Random(seed);
  const filters = readFilters(filterText(random, 1500));
  const somewhere = (block: string): string => addressIn(random, block === '0.0.0.0/0' ? '10.0.0.0/8' : block);
  const addresses = [...new Set(Array.from({ length: 150 }, () => somewhere(random.pick(filters)?.destination ?? '')))];
  const headers = Array.from({ length: 5000 }, (): Header => {
    const near = random.pick(filters) ?? filters[0]!;
    const protocol = near.protocol === 0 ? (random.pick([1, 6, 17]) ?? 6) : near.protocol;
    const port = protocol === 1 ? 0 : random.chance(0.8) ? random.integer(...near.ports) : random.integer(0, 65_535);
    const source = addressIn(random, near.source === '0.0.0.0/0' ? '198.51.100.0/24' : near.source);
    return { source, destination: random.pick(inside(near.destination, addresses)) ?? random.pick(addresses) ?? '', protocol, port };
  });
  const weir = await RunningWeir.start();
  try {
    await weir.must('POST', '/v1/apply', documentsOf(filters, addresses));
    const questions = headers.map(({ source, destination, protocol, port }) => ({
      from: source,
      to: `filters/vm-${addresses.indexOf(destination)}`,
      protocol: names[protocol],
      ...(protocol === 1 ? {} : { port }),
    }));
    const { answers } = await weir.must<{ answers: readonly { ingress: Side }[] }>('POST', '/v1/decide', { questions });
    const scan = firstMatch(filters);
    const expected = headers.map((header) => scan(header));
    const lineOf = ({ ingress }: { ingress: Side }): string => `${ingress.verdict} by ${ingress.policy ?? ingress.tier}`;
    expect(answers.map(lineOf)).toEqual(
      expected.map((line) => (line < 0 ? 'deny by posture' : `${filters[line]?.action} by filter-${line}`)),
    );
    expect(new Set(expected).size, 'many filters decide').toBeGreaterThan(200);
  } finally {
    await weir.stop();
  }
});
