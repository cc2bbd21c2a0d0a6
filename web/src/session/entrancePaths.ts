export const CONSENT_PATH = '/oauth/consent/';

/** The paths of the pages that need no session. Apart from the pages, which most visits never load. */
export const isEntrancePath = (path: string): boolean =>
  path.startsWith(CONSENT_PATH) ||
  [
    '/join',
    '/join-link',
    '/sign-up',
    '/forgot-password',
    '/reset-password',
    '/magic-link',
    '/verify-email',
    '/change-email',
    '/approve-domain',
    '/sso',
  ].includes(path);
