import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Seals what the database keeps and nobody should read from a copy of it: private keys, shared secrets of others. */
export class Secrets {
  readonly #key: Buffer;

  constructor(secret: string) {
    // A secret is long and random, or it is no secret; a slow derivation would add nothing to that.
    this.#key = createHash('sha256').update('relvar secrets\0').update(secret).digest();
  }

  /** AES-256-GCM. The purpose must be named again to unseal: one kind of secret is never taken for another. */
  seal(text: string, purpose = ''): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv).setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return `s1.${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`;
  }

  /** Throws when the text was not sealed with this secret for this purpose. */
  unseal(sealed: string, purpose = ''): string {
    const [version, body = ''] = sealed.split('.');
    const bytes = Buffer.from(body, 'base64url');
    if (version !== 's1' || bytes.length < 28) throw new Error('This is not a sealed text.');
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(12, 28));
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
  }

  /** For what may be read and not changed. */
  sign(text: string, purpose: string): string {
    return createHmac('sha256', this.#key).update(`${purpose}\0${text}`).digest('base64url');
  }
}

/** The secret of the environment; without one, that of the data folder, which is made at the first call. */
export function openSecrets({ secret, dataDir }: { secret: string | null; dataDir: string }): Secrets {
  return new Secrets(secret ?? readOrMakeSecret(dataDir));
}

function readOrMakeSecret(dataDir: string): string {
  const path = join(dataDir, 'secret');
  if (!existsSync(path)) {
    mkdirSync(dataDir, { recursive: true });
    // Of several processes that start together one succeeds, and all read what it wrote, never half of it.
    const draft = `${path}.${randomUUID()}`;
    writeFileSync(draft, randomBytes(32).toString('base64url'), { mode: 0o600 });
    try {
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  const secret = readFileSync(path, 'utf8').trim();
  if (secret.length < 32) throw new Error(`${path} holds no secret. Delete it, or set RELVAR_SECRET.`);
  return secret;
}
