import { useEffect, useState } from 'react';
import { fetchJson } from '../api/failure.ts';
import { wantedPath } from './entrance.ts';

export interface Way {
  id: string;
  kind: string;
  label: string;
  workspace?: { slug: string; name: string };
}

export interface SignInWays {
  workspace: { slug: string; name: string } | null;
  isPasswordOn: boolean;
  isMagicLinkOn: boolean;
  isSsoEnforced: boolean;
  providers: Way[];
}

const LAST = 'relvar.workspace';

/** Kept in the browser, so that the next sign-in offers what this workspace has. */
export const rememberWorkspace = (slug: string): void => localStorage.setItem(LAST, slug);

export const signInWays = (slug: string | null): Promise<SignInWays> =>
  fetchJson<SignInWays>(`/auth/sso/providers${slug ? `?workspace=${encodeURIComponent(slug)}` : ''}`);

/** By the address somebody works with, or the short name of the workspace. */
export async function findWays(text: string): Promise<Way[]> {
  const { providers } = text.includes('@')
    ? await fetchJson<{ providers: Way[] }>('/auth/sso/find', { email: text })
    : await signInWays(text.toLowerCase());
  return providers;
}

/** The address that begins single sign-on and comes back to where somebody wanted to go. */
export function startOf(way: Way, email?: string): string {
  const query = new URLSearchParams({
    ...(wantedPath() === '/' ? {} : { next: wantedPath() }),
    ...(email ? { login_hint: email } : {}),
  });
  return `/auth/sso/start/${way.id}${query.size > 0 ? `?${query}` : ''}`;
}

/** How one signs in to one workspace. Undefined until it is known; null where the server does not say. */
export function useWaysInto(slug: string | undefined): SignInWays | null | undefined {
  const [ways, setWays] = useState<SignInWays | null>();
  useEffect(() => {
    if (slug === undefined) return;
    signInWays(slug).then(setWays, () => setWays(null));
  }, [slug]);
  return ways;
}

/** How one signs in here: to the workspace in the address, the last one, or the only one. Undefined until it is known. */
export function useSignInWays(): SignInWays | undefined {
  const [ways, setWays] = useState<SignInWays>();
  useEffect(() => {
    const slug = new URLSearchParams(window.location.search).get('workspace') ?? localStorage.getItem(LAST);
    // Without an answer the page offers the ways that need none.
    signInWays(slug).then(setWays, () => undefined);
  }, []);
  return ways;
}
