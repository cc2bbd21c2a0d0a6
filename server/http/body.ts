import type { IncomingMessage } from 'node:http';
import { RequestError } from '../errors.ts';

const MAX_BYTES = 1024 * 1024;

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/** The JSON body of a request. Anything but application/json is refused: forms of other sites send those. */
export async function readJson(request: IncomingMessage, mediaType: RegExp = JSON_TYPE): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  if (!mediaType.test(type)) throw new RequestError('UNSUPPORTED_MEDIA_TYPE');
  const text = await readText(request);
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError('INVALID_JSON');
  }
}

/** The fields of a form, as browsers post it. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    throw new RequestError('UNSUPPORTED_MEDIA_TYPE', {
      message: 'The body of this request must be a form.',
      hint: 'Send "Content-Type: application/x-www-form-urlencoded".',
    });
  }
  return new URLSearchParams(await readText(request));
}

function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) {
        // The rest is read and dropped, so that the client gets to read the answer.
        request.removeAllListeners('data');
        request.resume();
        reject(new RequestError('BODY_TOO_LARGE', { headers: { connection: 'close' } }));
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => {
      resolve(chunks.length === 1 ? chunks[0]!.toString('utf8') : Buffer.concat(chunks).toString('utf8'));
    });
    request.on('error', reject);
  });
}
