import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { CaptchaConfig } from '../../db/config.ts';

/** What the widget of a provider loads, by the provider's own account. */
const CAPTCHAS: { [kind in CaptchaConfig['kind']]: { [directive: string]: string } } = {
  turnstile: {
    'script-src': 'https://challenges.cloudflare.com',
    'frame-src': 'https://challenges.cloudflare.com',
  },
  recaptcha: {
    'script-src': 'https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/',
    'frame-src': 'https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/',
  },
  hcaptcha: {
    'script-src': 'https://hcaptcha.com https://*.hcaptcha.com',
    'frame-src': 'https://hcaptcha.com https://*.hcaptcha.com',
    'style-src': 'https://hcaptcha.com https://*.hcaptcha.com',
    'connect-src': 'https://hcaptcha.com https://*.hcaptcha.com',
  },
};

/**
 * What a page of ours may load: itself. Mantine writes style attributes and style elements; images may
 * come from the web, since company logos and avatars do.
 */
const OWN: { [directive: string]: string } = {
  'default-src': "'self'",
  'script-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data: blob: https:",
  'media-src': "'self' blob:",
  'font-src': "'self' data:",
  'connect-src': "'self'",
  'worker-src': "'self' blob:",
  'frame-src': "'self'",
  'object-src': "'none'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'none'",
};

/** Where files are served from another address, they are looked at, listened to and read from there. */
const OF_FILES = ['img-src', 'media-src', 'frame-src', 'connect-src'];

export interface PageSettings {
  /** Where a captcha is asked for, also what its widget loads, and nothing else. */
  readonly captcha?: CaptchaConfig['kind'] | undefined;
  readonly filesUrl?: string | null | undefined;
  /** Whose pages may stand within pages of records. */
  readonly frameOrigins?: readonly string[] | undefined;
  /** From where maps have pictures of the ground. */
  readonly mapTiles?: { readonly url: string } | null | undefined;
}

export function securityHeaders({ captcha, filesUrl, frameOrigins = [], mapTiles }: PageSettings): RequestHandler {
  const also = captcha ? CAPTCHAS[captcha] : {};
  const policy = Object.entries(OWN)
    .map(([directive, sources]) =>
      [
        directive,
        sources,
        also[directive],
        OF_FILES.includes(directive) && filesUrl,
        ...(directive === 'frame-src' ? frameOrigins : []),
        // Those of the web are allowed anyway.
        directive === 'img-src' && mapTiles && new URL(mapTiles.url).origin,
      ]
        .filter(Boolean)
        .join(' '),
    )
    .join('; ');
  return (_request: Request, response: Response, next: NextFunction) => {
    response.setHeader('content-security-policy', policy);
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('x-frame-options', 'DENY');
    response.setHeader('referrer-policy', 'same-origin');
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=()');
    next();
  };
}
