import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { reasonOf, WeirError } from '../../base/errors.ts';
import type { Api } from '../app.ts';
import type { ApiPorts } from '../ports.ts';
import { isProblemCode, problemOf, ProblemError, type ProblemCode } from '../problem.ts';
import type { Problem, ProblemDetails } from '../schema/problem.ts';
import { notFound } from './authentication.ts';

/** Every error leaves as `application/problem+json`. What is nobody's fault but ours is logged and tells the caller nothing more. */
export function problems(app: Api, ports: ApiPorts): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemFor(error);
    if (passing.has(problem.code)) void reply.header('retry-after', '1');
    if (error instanceof ProblemError) void reply.headers(error.headers);
    // Who is still sending would be cut before it reads why: the rest is taken and thrown away instead.
    if (problem.code === 'too-large') void reply.removeHeader('connection');
    if (isDefect(problem.code)) {
      ports.log.error({ err: error, method: request.method, url: request.url, code: problem.code }, 'request failed');
    }
    return sendProblem(reply, problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const { code, message } = notFound(request);
    return sendProblem(reply, problemOf(code, message));
  });
}

/** The same request may well be carried out a second later. */
const passing: ReadonlySet<string> = new Set(['rate-limited', 'no-leader', 'store-busy']);

/** What somebody has to look at. Of a store that is full or failing the log tells once, not for each request. */
const isDefect = (code: string): boolean => code === 'internal' || code === 'unknown-outcome';

/** What the router refuses before there is a route, such as a path that cannot be decoded. */
export function routingProblem(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  void sendProblem(reply, problemFor(error));
}

/** What is no HTTP, or too much or too slow of it. There is no request to answer: the socket is. */
export function connectionProblem(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const problem =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? problemOf('too-large', 'the headers are too large')
      : problemOf(
          'malformed',
          error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'the request did not arrive in time' : 'this is no HTTP request',
        );
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** The HTTP library's own errors, by its codes. */
const libraryCodes: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed',
  FST_ERR_BAD_URL: 'malformed',
  FST_ERR_MAX_PARAM_LENGTH: 'malformed',
};

/** In our words, where the library's repeat what was sent, however long it is. */
const libraryReasons: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: 'the path cannot be decoded',
  FST_ERR_MAX_PARAM_LENGTH: 'a part of the path is longer than any name',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'send JSON, as application/json; apply and plan take YAML too, as application/yaml',
};

function problemFor(error: FastifyError): Problem {
  if (error.validation) return validationProblem(error.validation, error.validationContext ?? 'body');
  if (error instanceof WeirError) {
    return isProblemCode(error.code) ? problemOf(error.code, error.message, detailsOf(error)) : problemOf('internal', 'see the server log');
  }
  const code = libraryCodes[error.code];
  if (code) return problemOf(code, libraryReasons[error.code] ?? reasonOf(error));
  if (error.statusCode === 400) return problemOf('malformed', reasonOf(error));
  return problemOf('internal', 'see the server log');
}

/** Errors of other rooms carry what they know under the names of the contract. */
function detailsOf(error: WeirError & Partial<ProblemDetails>): ProblemDetails {
  if (error instanceof ProblemError) return error.details;
  const { errors = [], users = [], revision, waiting } = error;
  return {
    ...(errors.length > 0 && { errors }),
    ...(users.length > 0 && { users }),
    ...(revision !== undefined && { revision }),
    ...(waiting && { waiting }),
  };
}

const places: Readonly<Record<string, 'query' | 'path' | 'headers'>> = { querystring: 'query', params: 'path', headers: 'headers' };

function validationProblem(errors: readonly FastifySchemaValidationError[], context: string): Problem {
  const place = places[context];
  const found = errors
    .filter(({ keyword }) => keyword !== 'boolean')
    .flatMap((error) =>
      pointersOf(error).map((pointer) => ({ pointer, detail: error.message ?? 'is not valid', ...(place && { in: place }) })),
    );
  const unknown = errors.some(({ keyword }) => keyword === 'additionalProperties');
  const names = found.map(({ pointer, detail }) => `${pointer || '/'} ${detail}`).join('; ');
  return problemOf(unknown ? 'unknown-field' : 'malformed', `${place ?? 'body'}: ${names}`, { errors: found });
}

/** A missing or unknown field is pointed at itself, not at the object around it. */
function pointersOf(error: FastifySchemaValidationError): readonly string[] {
  const { additionalProperties, requiredProperties } = error.params as { additionalProperties?: unknown; requiredProperties?: unknown };
  const names = [additionalProperties, requiredProperties].find(Array.isArray) as readonly string[] | undefined;
  return names ? names.map((name) => `${error.instancePath}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`) : [error.instancePath];
}
