import type { Api } from '../app.ts';
import type { ApiPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';

/** What a removed member knows is of the past: it answers nothing but how it is. */
export function removal(app: Api, { cluster }: ApiPorts): void {
  app.addHook('onRequest', async (request) => {
    const { config, url } = request.routeOptions;
    if (!cluster.control.isRemoved || config.access === 'open' || url === '/metrics') return;
    throw new ProblemError('removed', cluster.unreadyReason() ?? 'this member was removed');
  });
}
