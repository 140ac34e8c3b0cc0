import type { Api } from '../app.ts';
import { authenticate, mayUse, type Access, type Caller } from '../caller.ts';
import type { ApiOptions } from '../ports.ts';
import { ProblemError } from '../problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    caller: Caller;
  }
}

const loopbackHost = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d+)?$/i;
const nobody: Caller = { name: 'anonymous', role: 'tenant', tenant: '' };
const local: Caller = { name: 'loopback', role: 'platform' };

/**
 * Decides, before a body is read, who asks and whether the route is for them. Another tenant's things are not found, whether
 * they exist or not.
 */
export function authentication(app: Api, options: ApiOptions): void {
  app.decorateRequest('caller');
  app.addHook('onRequest', async (request) => {
    request.caller = nobody;
    const access = accessOf(request.routeOptions.url, request.routeOptions.config.access);
    if (access === 'open') return;
    if (options.tokens.length === 0) {
      refuseForeignPages(request.headers);
      request.caller = local;
      return;
    }
    const caller = authenticate(request.headers.authorization, options.tokens);
    if (!caller) {
      const detail = request.headers.authorization === undefined ? 'send "Authorization: Bearer TOKEN"' : 'the token is not known';
      throw new ProblemError('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer realm="weir"' } });
    }
    request.caller = caller;
    const { tenant } = request.params as { tenant?: string };
    if (caller.role === 'tenant' && tenant !== undefined && tenant !== caller.tenant) throw notFound(request);
    if (access !== undefined && !mayUse(caller.role, access)) {
      throw new ProblemError('forbidden', `a token of role "${caller.role}" may not ${request.method} ${request.routeOptions.url}`);
    }
  });
}

export function notFound({ method, url }: { readonly method: string; readonly url: string }): ProblemError {
  const path = (url.split('?')[0] ?? '').slice(0, 200);
  return new ProblemError('not-found', method === 'GET' ? `there is nothing at ${path}` : `there is nothing to ${method} at ${path}`);
}

/** The pages that browse the API's description are files without anybody's data. */
function accessOf(route: string | undefined, declared: Access | undefined): Access | undefined {
  return declared ?? (route === '/docs' || route?.startsWith('/docs/') ? 'open' : undefined);
}

/**
 * Without tokens whoever reaches the port is the platform. A web page in a browser on this machine reaches it too, by a name of
 * its own that resolves to 127.0.0.1 or across origins: neither is the user.
 */
function refuseForeignPages(headers: { readonly host?: string; readonly origin?: string }): void {
  const origin = headers.origin?.replace(/^https?:\/\//, '');
  for (const name of [headers.host, origin]) {
    if (name !== undefined && !loopbackHost.test(name)) {
      throw new ProblemError('forbidden', `without tokens only this machine is served, by a loopback name; "${name}" is none`);
    }
  }
}
