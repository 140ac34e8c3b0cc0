import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from 'fastify';
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

/** The whole API; it listens when the caller says so. */
export function buildApi(ports: ApiPorts, options: ApiOptions): Api {
  const app = fastify({
    bodyLimit: options.bodyBytesMax,
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: routingProblem,
    clientErrorHandler: connectionProblem,
    ...(options.tls && {
      https: {
        ...options.tls,
        minVersion: tlsVersionMin,
        handshakeTimeout: handshakeTimeoutMs,
        ...(options.tls.ca !== undefined && { requestCert: true, rejectUnauthorized: true }),
      },
    }),
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as Api;
  app.setValidatorCompiler(requestValidator);
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));

  bodies(app);
  problems(app, ports);
  measurement(app, ports);
  authentication(app, options);
  removal(app, ports);
  limits(app, options);
  consistency(app, ports);
  openapi(app, ports);

  // Routes are registered behind the plugins, which look at each as it is added.
  app.register(async (routes: Api) => {
    healthRoutes(routes, ports);
    statusRoute(routes, ports);
    clusterRoutes(routes, ports);
    rulesRoutes(routes, ports);
    documentRoutes(routes, ports);
    vmRoutes(routes, ports);
    explainRoutes(routes, ports);
    decideRoutes(routes, ports);
    watchRoute(routes, ports, options);
    logRoutes(routes, ports, options);
    await routes.register(async (scope: Api) => applyRoute(scope, ports));
    await routes.register(async (scope: Api) => planRoutes(scope, ports));
    await routes.register(async (scope: Api) => lintRoutes(scope, ports));
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
