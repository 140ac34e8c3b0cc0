import rateLimit from '@fastify/rate-limit';
import type { Api } from '../app.ts';
import type { ApiOptions } from '../ports.ts';
import { ProblemError } from '../problem.ts';

/** Requests a second for each caller, when the configuration limits them. Health stays reachable. */
export function limits(app: Api, options: ApiOptions): void {
  const max = options.requestsPerSecondMax;
  if (max === undefined) return;
  app.register(rateLimit, {
    max,
    timeWindow: 1000,
    keyGenerator: (request) => request.caller.name,
    allowList: (request) => request.routeOptions.config.access === 'open',
    errorResponseBuilder: (_request, context) =>
      new ProblemError('rate-limited', `more than ${context.max} requests in a second`, {
        headers: { 'retry-after': String(Math.max(1, Math.ceil(context.ttl / 1000))) },
      }),
  });
}
