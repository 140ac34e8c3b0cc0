import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Value } from 'typebox/value';
import { ClusterAnswer } from '../api/schema/cluster.ts';
import { reasonOf, WeirError } from '../base/errors.ts';
import type { MemberConfig } from '../config/index.ts';
import type { MemberName, Release } from '../../cluster/index.ts';

type MemberTls = MemberConfig['tls'];

const answerBytesMax = 1024 * 1024;
const timeoutMs = 30_000;

/** Asks a running member to be added. Rejects with what it says, or with `unreachable`; with `member-exists` when a member of that name was there before. */
export async function askToJoin(
  server: string,
  token: string | undefined,
  { id, address }: MemberName,
  tls: MemberTls,
  runs: Release,
): Promise<ClusterAnswer> {
  const answer = await post(new URL('/v1/cluster/members', server), token, tls, { id, address, runs });
  if (!Value.Check(ClusterAnswer, answer)) throw new WeirError('unreachable', `${server} does not answer as a member of a cluster does`);
  if (answer.members.some((each) => each.id === id && each.joined)) {
    throw new WeirError('member-exists', `the cluster has had a member ${id} with other data: remove it, and join under another name`);
  }
  return answer;
}

async function post(url: URL, token: string | undefined, tls: MemberTls, body: object): Promise<unknown> {
  const text = JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method: 'POST', headers, timeout: timeoutMs };
    const request = url.protocol === 'https:' ? requestHttps(url, { ...options, ...tls }, resolve) : requestHttp(url, options, resolve);
    request.on('error', (cause) => reject(new WeirError('unreachable', `${url.origin} does not answer: ${reasonOf(cause)}`, { cause })));
    request.on('timeout', () => request.destroy(new Error(`nothing came within ${timeoutMs} ms`)));
    request.end(text);
  });
  const answer = parsed(await readAll(response), url);
  if (response.statusCode === 200) return answer;
  const { code, detail } = (typeof answer === 'object' && answer !== null ? answer : {}) as {
    readonly code?: string;
    readonly detail?: string;
  };
  throw new WeirError(code ?? 'unreachable', `${url.origin} refuses this member: ${detail ?? response.statusCode}`);
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new WeirError('unreachable', 'the answer is too long for one of a member');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string, url: URL): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WeirError('unreachable', `${url.origin} does not answer in JSON`, { cause });
  }
}
