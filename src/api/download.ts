import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Settles when all is sent, or its caller is gone. A caller who takes nothing for `stalledMsMax` is cut: what is sent is kept as long. */
export function download(reply: FastifyReply, bytes: AsyncIterable<Buffer>, stalledMsMax: number): FastifyReply {
  reply.raw.setTimeout(stalledMsMax, () => reply.raw.destroy());
  return reply.type('application/octet-stream').send(Readable.from(bytes, { objectMode: false }));
}
