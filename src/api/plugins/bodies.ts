import type { Api } from '../app.ts';
import { reasonOf } from '../../base/errors.ts';
import { refuseIntricate } from '../json-bounds.ts';
import { ProblemError } from '../problem.ts';

/**
 * Bodies are JSON and nothing else, but where a route says so, and as they are: nothing is unpacked. No body is none, whatever its
 * type is called: many clients send the same headers with everything. A field called `__proto__` is an own property like any
 * other, which no schema knows.
 */
export function bodies(app: Api): void {
  app.addHook('preParsing', async (request) => {
    const coding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
    if (coding !== 'identity') {
      throw new ProblemError('unsupported-media-type', `content-encoding ${coding.slice(0, 40)} is not understood: send the body as it is`);
    }
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    const text = String(body);
    if (text === '') return done(null, undefined);
    try {
      refuseIntricate(text);
      done(null, JSON.parse(text) as unknown);
    } catch (cause) {
      done(cause instanceof ProblemError ? cause : new ProblemError('malformed', `the body is no JSON: ${reasonOf(cause)}`, { cause }));
    }
  });
}
