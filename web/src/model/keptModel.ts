import type { Model } from './types.ts';

/**
 * The model as it was read last, kept in the browser for the next visit: it is used once the server has said that this is
 * still its version. One member's only, gone when nobody is signed in; what the role may do is never kept.
 */
const KEPT = 'relvar.model';
/** A browser gives a site some five million characters for all that it keeps. */
const MOST_CHARACTERS = 2_000_000;
/** The name of this file has what all of the program is in it: another program may want more of a model. */
const PROGRAM = import.meta.url;

interface Kept {
  // public/early.js looks at how this begins.
  member: string;
  program: string;
  model: Model;
}

export function keepModel(member: string, model: Model): void {
  const text = JSON.stringify({ member, program: PROGRAM, model } satisfies Kept);
  try {
    if (text.length <= MOST_CHARACTERS) localStorage.setItem(KEPT, text);
    else localStorage.removeItem(KEPT);
  } catch {
    // There is no room for it: it is read again.
    localStorage.removeItem(KEPT);
  }
}

export function keptModel(member: string): Model | null {
  const text = localStorage.getItem(KEPT);
  if (text === null) return null;
  try {
    const kept = JSON.parse(text) as Kept;
    return kept.member === member && kept.program === PROGRAM ? kept.model : null;
  } catch {
    return null;
  }
}

/** What another member left, or anybody where nobody is signed in, goes. */
export function keepModelOnlyOf(member: string | null): void {
  if (member === null || !localStorage.getItem(KEPT)?.startsWith(`{"member":${JSON.stringify(member)},`))
    localStorage.removeItem(KEPT);
}
