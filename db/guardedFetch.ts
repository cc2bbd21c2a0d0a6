import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { CustomFetch } from 'openid-client';
import { AddressRefused, guardAddresses, hostOf, isLoopback } from './publicAddresses.ts';
import type { AddressLimits } from './publicAddresses.ts';

/** Discovery documents and key sets have some kilobytes. */
const MAX_BYTES = 1024 * 1024;

export class AnswerTooLong extends Error {}

/**
 * Asks addresses that somebody else has written down, of identity providers and buckets: https only, in ten seconds unless
 * more is given, at most a megabyte of an answer, no redirects.
 */
export function makeGuardedFetch(limits: AddressLimits, timeoutMs = 10_000): CustomFetch {
  const { assertHost, lookup } = guardAddresses(limits);

  return (address, { method, headers, body, signal }) =>
    new Promise((resolveAnswer, reject) => {
      const url = new URL(address);
      const host = hostOf(url);
      if (url.protocol === 'http:' && !(limits.allowsLoopback && isLoopback(host)))
        throw new AddressRefused('This is asked over https only.');
      assertHost(host);
      const request = (url.protocol === 'http:' ? requestHttp : requestHttps)(
        url,
        {
          method,
          headers: { ...headers, 'accept-encoding': 'identity' },
          lookup,
          agent: false,
          signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
        },
        (answer) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          answer.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > MAX_BYTES) request.destroy(new AnswerTooLong('The answer is too long.'));
            else chunks.push(chunk);
          });
          answer.on('error', reject);
          answer.on('end', () => {
            const entries = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
            const status = answer.statusCode ?? 502;
            const content = [204, 205, 304].includes(status) ? null : Buffer.concat(chunks);
            resolveAnswer(
              new Response(content, { status, headers: Object.fromEntries(entries) as Record<string, string> }),
            );
          });
        },
      );
      request.on('error', reject);
      request.end(body instanceof URLSearchParams ? body.toString() : (body as string | Uint8Array | null | undefined));
    });
}
