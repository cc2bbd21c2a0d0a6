import { fetchJson } from '../../api/failure.ts';
import { ask, perform } from '../../model/calls.ts';
import { t } from '../../language/t.ts';

export interface Domain {
  id: string;
  host: string;
  /** The name of the TXT record that proves it, and what that says. */
  record: string;
  token: string;
  provedAt: string | null;
  checkedAt: string | null;
  /** Whether it is the address of the workspace. */
  isPrimary: boolean;
}

export interface DomainCheck {
  isProved: boolean;
  isFound: boolean;
  /** What the record says now. */
  texts: string[];
  problem: 'NO_RECORD' | 'NO_ANSWER' | null;
}

export const askDomains = () => ask<Domain[]>('ownDomains');
export const addDomain = (host: string) => perform<Domain[]>('addOwnDomain', { host: toAscii(host) });
export const leadTo = (id: string | null) => perform<Domain[]>('setPrimaryDomain', { id });
export const removeOwnDomain = (id: string) => perform<Domain[]>('removeOwnDomain', { id });
export const checkDomain = (id: string) => fetchJson<DomainCheck>('/domains/check', { id });

/** As the DNS writes it (bücher.example is xn--bcher-kva.example), also where a whole address was pasted. */
export function toAscii(text: string): string {
  const given = text.trim();
  const address = /^https?:\/\//i.test(given) ? given : `https://${given}`;
  return URL.canParse(address) ? new URL(address).hostname : given;
}

export function checkText({ isProved, isFound, texts, problem }: DomainCheck, host: string): string {
  if (isProved && isFound) return t('{host} is proved and open.', { host });
  if (isProved) return t('{host} is open. The record is not there any more, which changes nothing.', { host });
  if (problem === 'NO_ANSWER') return t('The DNS did not answer. Try again in a minute.');
  if (problem === 'NO_RECORD' || texts.length === 0)
    return t('There is no such record yet. It may take some minutes until one that you have just set is seen.');
  return t('The record says something else: {texts}', { texts: texts.join(', ') });
}
