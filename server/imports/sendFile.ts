import type { Response } from 'express';

/** Says that what follows is a file to be kept, whatever is in it: nothing of it is shown, or run, as a page of ours. */
export function sendFile(response: Response, name: string, type: string): void {
  response.setHeader('content-type', type);
  response.setHeader('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)}`); // prettier-ignore
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('content-security-policy', "default-src 'none'; sandbox");
}
