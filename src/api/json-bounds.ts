import type { Api } from './app.ts';
import { ProblemError } from './problem.ts';

/** Of a route that takes one document. The largest that there can be, a policy of 2,000 rules, has about a tenth of this. */
export const documentBytesMax = 4 * 1024 * 1024;
/** Of a route that takes a few words. */
export const shortBytesMax = 64 * 1024;

/** A route's own limit, and never more than what is configured. */
export const bodyLimitOf = (app: Pick<Api, 'initialConfig'>, bytes: number): number =>
  Math.min(bytes, app.initialConfig.bodyLimit ?? bytes);

/** What is shorter is parsed in no time, whatever it is made of. */
const shortCharactersMax = 1024 * 1024;
/** The deepest document that anybody means has about ten levels. */
const depthMax = 64;
/** Objects and lists together; a cloud of 10,000 VMs in one request has about a quarter of this. */
const containersMax = 1_000_000;
/** No document has an object with a tenth of this. */
const membersMax = 10_000;

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/**
 * JSON is parsed where requests are answered, and others wait meanwhile. Text costs next to nothing, but nested and empty
 * containers take a microsecond for each few bytes, and so do names of one object once they are many: their number and depth are
 * bounded before anything is built.
 */
export function refuseIntricate(text: string): void {
  if (text.length <= shortCharactersMax) return;
  let depth = 0;
  let containers = 0;
  const members = Array.from({ length: depthMax + 1 }, () => 0);
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > depthMax) throw new ProblemError('malformed', `the body is nested deeper than ${depthMax} levels`);
        members[depth] = 0;
        if (++containers > containersMax) {
          throw new ProblemError('too-large', `the body has more than ${containersMax} objects and lists: send it in parts`);
        }
        break;
      case colon:
        members[depth] = (members[depth] ?? 0) + 1;
        if ((members[depth] ?? 0) > membersMax) {
          throw new ProblemError('malformed', `an object of the body has more than ${membersMax} fields`);
        }
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
    }
  }
}

/** Where the string that begins at `start` ends; the end of the text when it does not. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === backslash) escapes--;
    if ((end - escapes) % 2 === 0) return end;
  }
  return text.length;
}
