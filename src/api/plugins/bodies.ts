import type { Api } from '../app.ts';
import { reasonOf } from '../../base/errors.ts';
import { ProblemError } from '../problem.ts';

/**
 * Bodies are JSON and nothing else, but where a route says so. No body is none, whatever its type is called: many clients send
 * the same headers with everything. A field called `__proto__` is an own property like any other, which no schema knows.
 */
export function bodies(app: Api): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    const text = String(body);
    if (text === '') return done(null, undefined);
    try {
      done(null, JSON.parse(text) as unknown);
    } catch (cause) {
      done(new ProblemError('malformed', `the body is no JSON: ${reasonOf(cause)}`, { cause }));
    }
  });
}
