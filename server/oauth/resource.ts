import type { IncomingMessage } from 'node:http';
import { originOf } from '../http/origin.ts';

/** Below this path a token may be good for nothing else: an assistant that has it opens no other door (RFC 8707). */
const MCP_PATH = '/mcp';
const METADATA_PATH = '/.well-known/oauth-protected-resource';

/** The resources that a token may be asked for: the whole API of this server, or its MCP endpoint alone. */
export const resourcesAt = (origin: string): readonly string[] => [origin, origin + MCP_PATH];

/** The resources whose tokens open the address of a request. */
export function resourcesOf(request: IncomingMessage, publicUrl: string | null): readonly string[] {
  const origin = originOf(request, publicUrl);
  return isMcp(request) ? resourcesAt(origin) : [origin];
}

/** How a client learns whom to ask for a token (RFC 9728, section 5.1): the header of every answer to who is not known. */
export function challenge(request: IncomingMessage, publicUrl: string | null): string {
  const metadata = originOf(request, publicUrl) + METADATA_PATH + (isMcp(request) ? MCP_PATH : '');
  const problem = request.headers.authorization === undefined ? '' : 'error="invalid_token", ';
  // A client that follows asks for no more than it needs (RFC 6750, section 3).
  return `Bearer ${problem}scope="api", resource_metadata="${metadata}"`;
}

export const METADATA_PATHS = [METADATA_PATH, METADATA_PATH + MCP_PATH];

function isMcp(request: IncomingMessage): boolean {
  const path = request.url ?? '';
  return path.startsWith(MCP_PATH) && ['', '/', '?'].includes(path.charAt(MCP_PATH.length));
}
