import type { Express } from 'express';
import type { Pool } from 'pg';
import { exportSecretPurpose, readExportLink } from '../../db/exports/exportLink.ts';
import type { FileStore } from '../../db/files/store.ts';
import type { Secrets } from '../../db/secrets.ts';
import { readTexts } from '../auth/requestFields.ts';
import type { Identities } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import { sendContent } from '../files/serve.ts';
import { asKeeper } from '../sso/keeper.ts';

interface Parts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly secrets: Secrets;
  readonly store: FileStore;
}

interface ExportFile {
  id: string;
  workspaceId: string;
  name: string;
  type: string;
  size: number;
}

/** What exports that come again need the server for: sealing secrets, and sending files. The rest is SQL. */
export function installScheduledExports(app: Express, parts: Parts): void {
  const { pool, secrets, store } = parts;

  app.post('/exports/secret', async (request, response) => {
    const { export: id, secret } = await readTexts(pool, request, ['export', 'secret']);
    if (!/^[\x21-\x7e]{8,200}$/.test(secret))
      throw new RequestError('INVALID_REQUEST', {
        message: 'The secret of a key has 8 to 200 characters, without spaces.',
        field: 'secret',
      });
    const sealed = secrets.seal(secret, exportSecretPurpose(id));
    await asKeeper(parts, { request, response }, 'metadata.keep_export_secret($1, $2)', [id, sealed]);
    response.json({});
  });

  const send = async (exchange: Parameters<typeof sendContent>[0], { id, workspaceId, name, type, size }: ExportFile) =>
    sendContent(
      exchange,
      {
        store,
        key: { workspaceId, fileId: id },
        // A run writes its file once: the id says which content it is.
        file: { id, name, media_type: type, size: String(size), sha256: id },
      },
      { mayShow: false, origin: null, maxAge: 0 },
    );

  // From the log of an export, signed in.
  app.get('/exports/runs/:id/file', async (request, response) => {
    const { id } = request.params;
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id)) throw new RequestError('NOT_FOUND');
    const file = (await asKeeper(parts, { request, response }, 'metadata.export_file($1)', [id])) as ExportFile;
    await send({ request, response }, file);
  });

  // From a mail, which may be read where nobody is signed in.
  app.get('/exports/files/:token', async (request, response) => {
    const link = readExportLink(secrets, request.params.token);
    const { rows } = link
      ? await pool.query<{ file: ExportFile | null }>('select core.export_file($1, $2) as file', [
          link.runId,
          link.memberId,
        ])
      : { rows: [] };
    const file = rows[0]?.file;
    if (!file) throw new RequestError('FILE_LINK_NOT_VALID');
    await send({ request, response }, file);
  });
}
