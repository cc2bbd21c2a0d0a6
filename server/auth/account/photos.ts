import type { Express } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../../errors.ts';
import type { Identities } from '../identity.ts';

/** The pictures of members, for those of the same workspace. */
export function installPhotos(app: Express, { pool, identities }: { pool: Pool; identities: Identities }): void {
  app.get('/auth/photos/:id', async (request, response) => {
    const { workspaceId } = await identities.of(request, response);
    const { id } = request.params;
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new RequestError('NOT_FOUND');
    const { rows } = await pool.query<{ media_type: string; content: Buffer }>('select * from core.photo($1, $2)', [
      id,
      workspaceId,
    ]);
    const [photo] = rows;
    if (!photo) throw new RequestError('NOT_FOUND');
    // Another picture has another address.
    response.setHeader('cache-control', 'private, max-age=31536000, immutable');
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('content-security-policy', "default-src 'none'; sandbox");
    response.type(photo.media_type).send(photo.content);
  });
}
