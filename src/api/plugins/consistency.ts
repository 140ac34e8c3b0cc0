import type { Api } from '../app.ts';
import type { ApiPorts } from '../ports.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route answers from what is stored: what others wrote before it was asked is there, unless a local read was asked for. */
    reads?: 'stored';
  }
}

/**
 * Reads are linearizable: before the handler looks at the snapshot, that has everything which was committed when the request came.
 * One look serves all requests that wait for it, and all questions of one body. The answer carries the revision that was read.
 */
export function consistency(app: Api, { admission }: ApiPorts): void {
  app.addHook('preHandler', (request, reply, done) => {
    if (request.routeOptions.config.reads !== 'stored') return done();
    const read = (): void => {
      void reply.header('weir-revision', String(admission.snapshot().revision));
      done();
    };
    if ((request.query as { readonly consistency?: string }).consistency === 'local') return read();
    void admission.current().then(read, done);
  });
}
