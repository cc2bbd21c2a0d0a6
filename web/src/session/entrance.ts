import { useEffect, useState } from 'react';
import { fetchJson, toFailure, type Failure } from '../api/failure.ts';

/** What this server offers to people who are not signed in. */
export interface EntranceOptions {
  maySignUp: boolean;
  mustProveEmail: boolean;
  showsMail: boolean;
  /** Who tells people from programs; null asks nobody. */
  captcha: CaptchaSite | null;
  /** Whether there can be passkeys at this address. */
  hasPasskeys: boolean;
  /** Where workspaces have addresses of their own: what these look like, at the one that leads to them, */
  addresses?: string;
  /** and the one that this address names; null where there is none. */
  workspace?: { slug: string; name: string } | null;
}

export interface CaptchaSite {
  kind: 'turnstile' | 'recaptcha' | 'hcaptcha';
  siteKey: string;
}

let asked: Promise<EntranceOptions> | undefined;

/** Undefined until the server has said. Without an answer the page goes on and offers less. */
export function useEntrance(): EntranceOptions | undefined {
  const [options, setOptions] = useState<EntranceOptions>();
  useEffect(() => {
    asked ??= fetchJson<EntranceOptions>('/auth/options');
    asked.then(setOptions, () => {
      asked = undefined;
    });
  }, []);
  return options;
}

/** The page is for whoever sits at the machine, and answers nobody else. */
export const showsMail = (options: EntranceOptions | undefined): boolean =>
  options?.showsMail === true && ['localhost', '127.0.0.1', '[::1]'].includes(window.location.hostname);

/** A path of these pages; anything else that a link asks for leads home. */
export function ownPath(path: string | null | undefined): string {
  if (!path?.startsWith('/') || path.includes('\\')) return '/';
  const base = window.location.origin;
  if (!URL.canParse(path, base)) return '/';
  const url = new URL(path, base);
  return url.origin === base ? url.pathname + url.search + url.hash : '/';
}

/** Where the address in the bar asks to go on to. */
export const wantedPath = (): string => ownPath(new URLSearchParams(window.location.search).get('next'));

/** The token of a link stands behind the #, where no server and no log sees it. */
export const tokenOfLink = (): string => window.location.hash.slice(1);

/** Loads the application anew: the session has begun, and nothing of before counts. */
export const goTo = (path: string): void => window.location.replace(ownPath(path));

export interface Submission {
  busy: boolean;
  problem: Failure | null;
  run: (work: () => Promise<void>) => Promise<void>;
}

/** One attempt at a time, and what went wrong with the last. */
export function useSubmission(): Submission {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Failure | null>(null);
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (cause) {
      setProblem(toFailure(cause));
    }
    setBusy(false);
  };
  return { busy, problem, run };
}

/** What a link opens, asked once when the page opens. */
export function useLook<Found>(path: string, body: object): { found: Found | undefined; failure: Failure | undefined } {
  const [answer, setAnswer] = useState<{ found?: Found; failure?: Failure }>({});
  const text = JSON.stringify(body);
  useEffect(() => {
    let isCurrent = true;
    fetchJson<Found>(path, JSON.parse(text)).then(
      (found) => isCurrent && setAnswer({ found }),
      (cause: unknown) => isCurrent && setAnswer({ failure: toFailure(cause) }),
    );
    return () => {
      isCurrent = false;
    };
  }, [path, text]);
  return { found: answer.found, failure: answer.failure };
}
