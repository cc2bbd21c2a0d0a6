import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { readCookie, setCookie } from '../cookies.ts';
import { describeDevice } from '../../../db/describeDevice.ts';
import type { Places } from '../places.ts';
import { hashToken, randomToken } from '../tokenHash.ts';

/** The longest that browsers keep a cookie. */
const COOKIE_MS = 400 * 86_400_000;

interface SignedIn {
  readonly userId: string;
  readonly workspaceId: string;
  /** Whether it keeps no cookies. */
  readonly isProgram: boolean;
  /** Whether the browser was sent here by a form of another site, with which it sends no cookies. */
  readonly isPosted: boolean;
}

/** Knows the browsers and programs that an account is used with; a sign-in with another one is told to its owner by mail. */
export class Devices {
  readonly #pool: Pool;
  readonly #places: Places;

  constructor(parts: { pool: Pool; places: Places }) {
    this.#pool = parts.pool;
    this.#places = parts.places;
  }

  async note(request: Request, response: Response, signedIn: SignedIn): Promise<void> {
    const { userId, workspaceId, isProgram, isPosted } = signedIn;
    const brought = isProgram ? undefined : readCookie(request, 'relvar_browser');
    const token = brought ?? randomToken();
    const agent = request.headers['user-agent'] ?? null;
    const { rows } = await this.#pool.query<{ is_new: boolean }>(
      'select core.note_device($1, $2, $3, $4, $5, $6, $7, $8) as is_new',
      [
        userId,
        hashToken(token),
        isProgram || (isPosted && brought === undefined),
        workspaceId,
        request.ip ?? null,
        agent,
        describeDevice(agent),
        this.#places.of(request.ip),
      ],
    );
    if (!isProgram && (brought !== undefined || rows[0]!.is_new)) keepBrowser(request, response, token);
  }
}

/** The name that a browser has with us, given to it if it has none. It says nothing of who uses it. */
export function nameBrowser(request: Request, response: Response): string {
  const name = readCookie(request, 'relvar_browser') ?? randomToken();
  keepBrowser(request, response, name);
  return name;
}

function keepBrowser(request: Request, response: Response, value: string): void {
  setCookie(request, response, { name: 'relvar_browser', value, expires: new Date(Date.now() + COOKIE_MS) });
}
