import type { Api } from '../app.ts';
import type { ApiPorts } from '../ports.ts';

/** Counts each request under its route, not its path: paths are without number. */
export function measurement(app: Api, ports: ApiPorts): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    ports.metrics.request(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
  });
}
