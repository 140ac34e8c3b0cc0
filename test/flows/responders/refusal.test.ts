import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPacket } from '../../../flows/responders/index.ts';
import { refusalOf } from '../../../flows/responders/refusal.ts';
import { DecodeError } from '../../../src/base/errors.ts';
import { drawn, ethernet, frameOf, ipOf, protocolOf, slowChecksum } from './frames.ts';
import type { Drawn } from './frames.ts';

/** Answers parse back, their checksums are right, and no bytes whatever do more than be refused. */

const ends = { ethSource: 0x0e57_0000_0001, ethDestination: 0x02aa_0000_0001 };
const answerOf = (packet: Drawn) => refusalOf(readPacket(frameOf(packet)), ends);

const flagsOf = (packet: Drawn): number => (packet.transport.kind === 'tcp' ? packet.transport.flags : 0);
const icmpErrors: Readonly<Record<4 | 6, (type: number) => boolean>> = {
  4: (type) => ![0, 8, 9, 10, 13, 14, 15, 16, 17, 18].includes(type),
  6: (type) => type < 128 || type === 137,
};
const mustBeSilent = (packet: Drawn): boolean =>
  (flagsOf(packet) & 4) > 0 || (packet.transport.kind === 'icmp' && icmpErrors[packet.family](packet.transport.type));

/** The sum over what a checksum covers, the checksum included, is zero. */
function expectSummed(family: 4 | 6, ip: readonly number[], protocol: number): void {
  const headerBytes = family === 4 ? 20 : 40;
  const body = ip.slice(headerBytes);
  expect(slowChecksum(family === 4 ? ip.slice(0, 20) : [0xff, 0xff])).toBe(0);
  const addresses = family === 4 ? ip.slice(12, 20) : ip.slice(8, 40);
  const pseudo = family === 4 && protocol === 1 ? [] : [...addresses, 0, 0, body.length >> 8, body.length & 255, 0, 0, 0, protocol];
  expect(slowChecksum([...pseudo, ...body])).toBe(0);
}

function transportOf({ family, transport, payload }: Drawn): object | undefined {
  if (transport.kind === 'icmp') return { ...transport, kind: family === 4 ? 'icmp' : 'icmpv6' };
  if (transport.kind === 'other') return undefined;
  const [sourcePort, port] = transport.ports;
  if (transport.kind !== 'tcp') return { kind: transport.kind, sourcePort, port };
  const { sequence, acknowledgement, flags } = transport;
  return { kind: 'tcp', sourcePort, port, tcp: { sequence, acknowledgement, flags: flags & 0x3f, payloadBytes: payload.length } };
}

test('a packet is read as it was written', () => {
  fc.assert(
    fc.property(drawn, (packet) => {
      const read = readPacket(frameOf(packet));
      expect([read.ethSource, read.ethDestination]).toEqual([ethernet.source, ethernet.destination]);
      expect(read.length).toBe(ipOf(packet).length);
      expect(read.protocol).toBe(protocolOf(packet));
      expect(read.transport).toEqual(transportOf(packet));
    }),
  );
});

test('the answer parses back, comes from the destination, and its checksums are right', () => {
  fc.assert(
    fc.property(drawn, (packet) => {
      const answer = answerOf(packet);
      if (mustBeSilent(packet)) return answer === undefined;
      if (!answer) return false;
      const asked = readPacket(frameOf(packet));
      const read = readPacket(answer);
      expect([read.ethSource, read.ethDestination]).toEqual([ends.ethSource, ends.ethDestination]);
      expect([read.source, read.destination]).toEqual([asked.destination, asked.source]);
      expect(read.length).toBe(answer.length - 14);
      expectSummed(packet.family, [...answer.subarray(14)], read.protocol);
      return true;
    }),
  );
});

test('TCP is reset where the sender is in its sequence', () => {
  fc.assert(
    fc.property(drawn, (packet) => {
      const { transport } = packet;
      if (transport.kind !== 'tcp' || mustBeSilent(packet)) return;
      const answer = answerOf(packet);
      const read = answer && readPacket(answer).transport;
      if (read?.kind !== 'tcp') throw new Error('TCP is answered by TCP');
      const { flags } = transport;
      const length = packet.payload.length + ((flags >> 1) & 1) + (flags & 1);
      const expected =
        (flags & 16) > 0
          ? { sequence: transport.acknowledgement, acknowledgement: 0, flags: 4 }
          : { sequence: 0, acknowledgement: (transport.sequence + length) % 2 ** 32, flags: 20 };
      expect(read).toEqual({
        kind: 'tcp',
        sourcePort: transport.ports[1],
        port: transport.ports[0],
        tcp: { ...expected, payloadBytes: 0 },
      });
    }),
  );
});

test('everything else is told "administratively prohibited", with as much of the packet as may be quoted', () => {
  fc.assert(
    fc.property(drawn, (packet) => {
      if (packet.transport.kind === 'tcp' || mustBeSilent(packet)) return;
      const answer = answerOf(packet);
      if (!answer) throw new Error('it is answered');
      const read = readPacket(answer);
      expect(read.transport).toMatchObject(
        packet.family === 4 ? { kind: 'icmp', type: 3, code: 13 } : { kind: 'icmpv6', type: 1, code: 1 },
      );
      const quoted = [...answer.subarray(14 + (packet.family === 4 ? 28 : 48))];
      const original = ipOf(packet);
      expect(quoted).toEqual(original.slice(0, quoted.length));
      expect(read.length).toBe(Math.min(packet.family === 4 ? 576 : 1280, (packet.family === 4 ? 28 : 48) + original.length));
    }),
  );
});

describe('nothing is answered', () => {
  const udp: Drawn = {
    family: 4,
    source: [10, 0, 0, 1],
    destination: [10, 0, 0, 2],
    options: 0,
    transport: { kind: 'udp', ports: [1, 2] },
    payload: [1, 2, 3],
  };
  const six = (last: number, first = 0xfd): number[] => [first, ...Array.from({ length: 14 }, () => 0), last];
  const altered = (offset: number, value: number): Uint8Array => {
    const frame = frameOf(udp);
    frame[offset] = value;
    return frame;
  };

  test('and what is like these in nothing is', () => expect(answerOf(udp)).toBeDefined());

  test.each([
    ['to multicast', { ...udp, destination: [224, 0, 0, 5] }],
    ['to broadcast', { ...udp, destination: [255, 255, 255, 255] }],
    ['from nobody', { ...udp, source: [0, 0, 0, 0] }],
    ['from this host', { ...udp, source: [127, 0, 0, 1] }],
    ['from multicast', { ...udp, source: [239, 1, 2, 3] }],
    ['to multicast, IPv6', { ...udp, family: 6, source: six(1), destination: six(5, 0xff) }],
    ['from nobody, IPv6', { ...udp, family: 6, source: six(0, 0), destination: six(5) }],
  ] as const satisfies readonly (readonly [string, Drawn])[])('%s', (_, packet) => expect(answerOf(packet)).toBeUndefined());

  test('to a frame for many', () => expect(refusalOf(readPacket(altered(0, 3)), ends)).toBeUndefined());
  test('to a fragment behind the first', () => expect(refusalOf(readPacket(altered(14 + 7, 1)), ends)).toBeUndefined());
  test('to ICMP without a whole header', () => {
    const short = frameOf({ ...udp, transport: { kind: 'icmp', type: 8, code: 0 }, payload: [] }).subarray(0, 14 + 22);
    expect(refusalOf(readPacket(short), ends)).toBeUndefined();
  });
});

describe('hostile bytes', () => {
  const refusedOrRead = (frame: Uint8Array): void => {
    try {
      refusalOf(readPacket(frame), ends);
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
    }
  };

  test('at random', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refusedOrRead), { numRuns: 3000 });
  });

  test('a frame cut anywhere and altered anywhere', () => {
    const cases = fc.record({ packet: drawn, length: fc.nat(200), at: fc.nat(100), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(cases, ({ packet, length, at, value }) => {
        const frame = frameOf(packet).slice(0, length);
        if (at < frame.length) frame[at] = value;
        refusedOrRead(frame);
        // However long it says that it is.
        const padded = new Uint8Array(frame.length + 64);
        padded.set(frame);
        refusedOrRead(padded.subarray(0, frame.length));
      }),
      { numRuns: 3000 },
    );
  });

  test('extension headers without end', () => {
    const frame = new Uint8Array(1500);
    frame.set(Buffer.from('02aa0000000202aa0000000186dd6000000005b00040', 'hex'));
    expect(() => readPacket(frame)).toThrow(DecodeError);
  });
});
