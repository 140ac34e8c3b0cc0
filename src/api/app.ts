import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from 'fastify';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import { authentication } from './plugins/authentication.ts';
import { limits } from './plugins/limits.ts';
import { consistency } from './plugins/consistency.ts';
import { measurement } from './plugins/measurement.ts';
import { openapi } from './plugins/openapi.ts';
import { bodies } from './plugins/bodies.ts';
import { removal } from './plugins/removal.ts';
import { connectionProblem, problems, routingProblem } from './plugins/problems.ts';
import type { ApiOptions, ApiPorts } from './ports.ts';
import { applyRoute } from './routes/apply.ts';
import { clusterRoutes } from './routes/cluster.ts';
import { explainRoutes } from './routes/explain.ts';
import { decideRoutes } from './routes/decide.ts';
import { documentRoutes } from './routes/documents.ts';
import { healthRoutes } from './routes/health.ts';
import { lintRoutes } from './routes/lint.ts';
import { planRoutes } from './routes/plan.ts';
import { logRoutes } from './routes/log.ts';
import { rulesRoutes } from './routes/rules.ts';
import { statusRoute } from './routes/status.ts';
import { vmRoutes } from './routes/vms.ts';
import { watchRoute } from './routes/watch.ts';
import { requestValidator } from './validator.ts';

export type Api = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;

const tlsVersionMin = 'TLSv1.2';
const handshakeTimeoutMs = 10_000;
const closePatienceMs = 3_000;

const routesOf: readonly ((routes: Api, ports: ApiPorts, options: ApiOptions) => void)[] = [
  healthRoutes,
  statusRoute,
  clusterRoutes,
  rulesRoutes,
  documentRoutes,
  vmRoutes,
  explainRoutes,
  decideRoutes,
  watchRoute,
  logRoutes,
  applyRoute,
  planRoutes,
  lintRoutes,
];

/** Given here, the framework's own are not loaded. */
const compilersFactory = {
  buildValidator: (): never => requestValidator as never,
  buildSerializer: () => () => (answer: unknown) => JSON.stringify(answer),
};

/** The whole API; it listens when the caller says so. */
export function buildApi(ports: ApiPorts, options: ApiOptions): Api {
  const app = fastify({
    bodyLimit: options.bodyBytesMax,
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: routingProblem,
    clientErrorHandler: connectionProblem,
    schemaController: { compilersFactory },
    ...(options.tls && {
      https: {
        ...options.tls,
        minVersion: tlsVersionMin,
        handshakeTimeout: handshakeTimeoutMs,
        ...(options.tls.ca !== undefined && { requestCert: true, rejectUnauthorized: true }),
      },
    }),
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as Api;

  bodies(app);
  problems(app, ports);
  measurement(app, ports);
  authentication(app, options);
  removal(app, ports);
  limits(app, options);
  consistency(app, ports);
  openapi(app, ports);

  // Routes are registered behind the plugins, which look at each as it is added; a few in each turn of the event loop.
  app.register(async (routes: Api) => {
    for (const add of routesOf) {
      await routes.register(async (scope: Api) => add(scope, ports, options));
      await nextTurn();
    }
  });
  return app;
}

/** Connections that stand stay. */
export function renewApi({ server }: Api, { cert, key, ca }: NonNullable<ApiOptions['tls']>): void {
  if (server instanceof TlsServer) server.setSecureContext({ cert, key, minVersion: tlsVersionMin, ...(ca !== undefined && { ca }) });
}

/** Requests under way end; a caller who never finishes asking, or never reads, is not waited for. */
export async function closeApi(api: Api): Promise<void> {
  const patience = setTimeout(() => api.server.closeAllConnections(), closePatienceMs);
  await api.close();
  clearTimeout(patience);
}
